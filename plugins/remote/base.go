package remote

import (
	"context"
	"math"
	"strconv"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
)

// A base, in float64:
//
//	sample(; key, first, rows) -> x
//	log_prob(x)                -> log_prob

type sampleParams struct {
	Key   string `json:"key"` // decimal: 64 bits are more than a JSON number holds
	First int64  `json:"first"`
	Rows  int    `json:"rows"`
}

// answerBase answers for a base of d columns.
func answerBase(v model.Base, d int, method string, m wire.Message) (wire.Message, error) {
	var none wire.Message
	if method == "sample" {
		var c sampleParams
		if err := params(m, &c); err != nil {
			return none, err
		}
		key, err := strconv.ParseUint(c.Key, 10, 64)
		if err != nil || c.Rows < 1 || c.Rows > 1<<26/d {
			return none, schemas.Errorf(schemas.PluginProtocol, "sample of %d rows with key %q", c.Rows, c.Key)
		}
		x := make([]float64, c.Rows*d)
		v.Sample(x, random.Key(key), c.First, c.Rows)
		return wire.Message{Batches: []arrow.Record{wire.Batch(wire.ColumnOf("x", x, d))}}, nil
	}
	if err := batches(m, 1); err != nil {
		return none, err
	}
	x, err := wire.Values[float64](m.Batches[0], "x", d, -1)
	if err != nil {
		return none, err
	}
	logp := make([]float64, len(x)/d)
	v.LogProb(logp, x, len(logp))
	return wire.Message{Batches: []arrow.Record{wire.Batch(wire.ColumnOf("log_prob", logp, 0))}}, nil
}

// remoteBase is a model.Base of the other side. Sample and LogProb cannot report a
// failure; they write NaN, and Err says it.
type remoteBase struct {
	at    remote
	width int

	mu  sync.Mutex
	err error
}

// Err implements model.Failing: the first failure.
func (e *remoteBase) Err() error { return e.failure(nil) }

// failure remembers the first error.
func (e *remoteBase) failure(err error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err == nil {
		e.err = err
	}
	return e.err
}

// sampleRows is how many rows one call draws.
const sampleRows = 1 << 16

// Sample implements model.Base.
func (e *remoteBase) Sample(x []float64, key random.Key, first int64, rows int) {
	d := e.width
	most := max(1, min(sampleRows, 1<<26/d))
	for at := 0; at < rows; at += most {
		n := min(most, rows-at)
		part := x[at*d : (at+n)*d]
		out, err := e.at.call(context.Background(), "sample", sampleParams{strconv.FormatUint(uint64(key), 10), first + int64(at), n}, wire.Message{}, nil)
		e.column(part, out, err, "x", d, n)
		out.Release()
	}
}

// LogProb implements model.Base.
func (e *remoteBase) LogProb(logp, x []float64, rows int) {
	if rows == 0 {
		return
	}
	out, err := e.at.call(context.Background(), "log_prob", nil, wire.Message{Batches: []arrow.Record{wire.Batch(wire.ColumnOf("x", x[:rows*e.width], e.width))}}, nil)
	defer out.Release()
	e.column(logp[:rows], out, err, "log_prob", 0, rows)
}

// column takes the one column of an answer, or NaN.
func (e *remoteBase) column(dst []float64, out wire.Message, err error, name string, width, rows int) {
	var v []float64
	if err == nil {
		if err = batches(out, 1); err == nil {
			v, err = wire.Values[float64](out.Batches[0], name, width, rows)
		}
		if err != nil {
			err = e.at.broke(err)
		}
	}
	if err != nil {
		_ = e.failure(err)
		for i := range dst {
			dst[i] = math.NaN()
		}
		return
	}
	copy(dst, v)
}
