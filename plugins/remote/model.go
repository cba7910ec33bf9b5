package remote

import (
	"context"
	"encoding/json"
	"math"
	"strconv"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
)

// A model is exact: facts {form: exact, dim, columns, products}, the methods of a field in
// float64, and
//
//	sample(; key, first, rows) -> x
//	log_prob(x)                -> log_prob
//
// or trained: facts {form: definition, use, config} and
//
//	build(; dim [, held]) -> target of a network, tensors [{name, shape}]
//
// A definition that says {held: true} takes conditions: its networks have dim +
// held columns, and say nothing about the last ones.

type modelFacts struct {
	Form    string   `json:"form"`
	Dim     int      `json:"dim,omitempty"`
	Columns []string `json:"columns,omitempty"`
	// Products says that there is a method product.
	Products bool            `json:"products,omitempty"`
	Use      string          `json:"use,omitempty"`
	Config   json.RawMessage `json:"config,omitempty"`
	Held     bool            `json:"held,omitempty"` // it takes conditions
}

type sampleParams struct {
	Key   string `json:"key"` // decimal: 64 bits are more than a JSON number holds
	First int64  `json:"first"`
	Rows  int    `json:"rows"`
}

type buildParams struct {
	Dim  int `json:"dim"`
	Held int `json:"held,omitempty"`
}

// maxDim bounds the width that another process may ask for.
const maxDim = 1 << 24

func modelBinding() binding {
	return binding{kind: "model",
		offer: func(p *peer, v any) (any, object, bool) {
			switch v := v.(type) {
			case model.Exact:
				_, products := v.(model.Linearized[float64])
				return modelFacts{Form: "exact", Dim: v.Dim(), Columns: v.Columns(), Products: products},
					func(ctx context.Context, method string, m wire.Message) (wire.Message, error) {
						return answerExact(ctx, p, v, method, m)
					}, true
			case model.Definition:
				_, held := v.(model.Conditional)
				return modelFacts{Form: "definition", Use: v.Use(), Config: v.Config(), Held: held},
					func(_ context.Context, method string, m wire.Message) (wire.Message, error) {
						return answerDefinition(p, v, method, m)
					}, true
			}
			return nil, nil, false
		},
		standIn: func(r remote, raw json.RawMessage, as naming) (any, error) {
			var f modelFacts
			if err := factsInto(raw, &f); err != nil {
				return nil, err
			}
			switch f.Form {
			case "exact":
				if f.Dim < 1 || f.Dim > maxDim || len(f.Columns) != f.Dim {
					return nil, schemas.Errorf(schemas.PluginProtocol, "an exact model has %d dimensions and %d columns", f.Dim, len(f.Columns))
				}
				e := &remoteExact{remoteField: remoteField[float64]{r, f.Dim}, columns: f.Columns}
				if f.Products {
					return linearizedExact{e}, nil
				}
				return e, nil
			case "definition":
				d := &remoteDefinition{remote: r, use: as(f.Use), config: f.Config}
				if f.Held {
					return remoteConditional{d}, nil
				}
				return d, nil
			}
			return nil, schemas.Errorf(schemas.PluginProtocol, "a model of form %q", f.Form)
		}}
}

func answerExact(ctx context.Context, p *peer, v model.Exact, method string, m wire.Message) (wire.Message, error) {
	var none wire.Message
	d := v.Dim()
	switch method {
	case "sample":
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
	case "log_prob":
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
	return answerField(ctx, p, v, d, 0, method, m)
}

// remoteExact is a model.Exact of the other side. Sample and LogProb cannot
// report a failure; they write NaN and the next evaluation reports it.
type remoteExact struct {
	remoteField[float64]
	columns []string

	mu  sync.Mutex
	err error
}

// Columns implements model.Exact.
func (e *remoteExact) Columns() []string { return append([]string(nil), e.columns...) }

// Eval implements solver.Field.
func (e *remoteExact) Eval(ctx context.Context, dx []float64, t []float64, x []float64, rows int) error {
	if err := e.failure(nil); err != nil {
		return err
	}
	return e.remoteField.Eval(ctx, dx, t, x, rows)
}

// Divergence implements model.Field.
func (e *remoteExact) Divergence(ctx context.Context, v []float64, div []float64, t []float64, x, probe []float64, rows, probes int) error {
	if err := e.failure(nil); err != nil {
		return err
	}
	return e.remoteField.Divergence(ctx, v, div, t, x, probe, rows, probes)
}

// linearizedExact is a remoteExact that gives products of its Jacobian.
type linearizedExact struct{ *remoteExact }

// Product implements model.Linearized.
func (e linearizedExact) Product(ctx context.Context, v, jz []float64, t []float64, x, z []float64, rows, k int) error {
	if err := e.failure(nil); err != nil {
		return err
	}
	return e.product(ctx, v, jz, t, x, z, rows, k)
}

// failure remembers the first error.
func (e *remoteExact) failure(err error) error {
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
func (e *remoteExact) Sample(x []float64, key random.Key, first int64, rows int) {
	d := e.dim
	for at := 0; at < rows; at += sampleRows {
		n := min(sampleRows, rows-at)
		part := x[at*d : (at+n)*d]
		out, err := e.call(context.Background(), "sample", sampleParams{strconv.FormatUint(uint64(key), 10), first + int64(at), n}, wire.Message{}, nil)
		e.column(part, out, err, "x", d, n)
		out.Release()
	}
}

// LogProb implements model.Base.
func (e *remoteExact) LogProb(logp []float64, x []float64, rows int) {
	if rows == 0 {
		return
	}
	out, err := e.call(context.Background(), "log_prob", nil, wire.Message{Batches: []arrow.Record{wire.Batch(wire.ColumnOf("x", x[:rows*e.dim], e.dim))}}, nil)
	defer out.Release()
	e.column(logp[:rows], out, err, "log_prob", 0, rows)
}

// column takes the one column of an answer, or NaN.
func (e *remoteExact) column(dst []float64, out wire.Message, err error, name string, width, rows int) {
	var v []float64
	if err == nil {
		if err = batches(out, 1); err == nil {
			v, err = wire.Values[float64](out.Batches[0], name, width, rows)
		}
		if err != nil {
			err = e.broke(err)
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

func probeName(k int) string { return "probe" + strconv.Itoa(k) }

func productName(k int) string { return "jz" + strconv.Itoa(k) }
