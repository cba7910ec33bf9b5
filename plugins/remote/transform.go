package remote

import (
	"context"
	"encoding/json"
	"math"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/transform"
)

// A transform is a stage that gives rows. For flows that name it, its instance,
// and the objects that a description of a flow names as the targets of its
// transforms, make a fitted transform from the state that a file keeps:
//
//	fitted(; state, dim)  -> {target}
//
// which has, in float64,
//
//	apply(x; first, draw) -> z, logdet       the address of the rows, zero where left out
//	invert(z)             -> x

type fittedParams struct {
	State json.RawMessage `json:"state"`
	Dim   int             `json:"dim"`
}

// applyParams are a transform.Address.
type applyParams struct {
	First int64  `json:"first"`
	Draw  uint32 `json:"draw,omitempty"`
}

type targetFacts struct {
	Target string `json:"target"`
}

// refit makes a fitted transform from its state.
type refit = func(state json.RawMessage, dim int) (transform.Fitted, error)

// answerFitted makes a fitted transform and offers it.
func (p *peer) answerFitted(restore refit, m wire.Message) (wire.Message, error) {
	var c fittedParams
	if err := params(m, &c); err != nil {
		return wire.Message{}, err
	}
	if c.Dim < 1 || c.Dim > maxDim {
		return wire.Message{}, schemas.Errorf(schemas.PluginProtocol, "a transform of %d columns", c.Dim)
	}
	if err := p.making(); err != nil {
		return wire.Message{}, err
	}
	f, err := restore(c.State, c.Dim)
	if err != nil {
		return wire.Message{}, err
	}
	if f.Dim() != c.Dim {
		return wire.Message{}, schemas.Errorf(schemas.DimensionDiffer, "the transform has %d columns, used on %d", f.Dim(), c.Dim)
	}
	return valuesOf(targetFacts{p.offer("transform", func(_ context.Context, method string, m wire.Message) (wire.Message, error) {
		return answerTransform(f, method, m)
	})})
}

func answerTransform(f transform.Fitted, method string, m wire.Message) (wire.Message, error) {
	var none wire.Message
	from, to := "x", "z"
	var at applyParams
	switch method {
	case "apply":
		if len(m.Values) > 0 { // older callers send none
			if err := params(m, &at); err != nil {
				return none, err
			}
		}
	case "invert":
		from, to = to, from
	default:
		return none, noMethod("transform", method)
	}
	if err := batches(m, 1); err != nil {
		return none, err
	}
	d := f.Dim()
	x, err := wire.Values[float64](m.Batches[0], from, d, -1)
	if err != nil {
		return none, err
	}
	rows := len(x) / d
	z := make([]float64, len(x))
	columns := []wire.Column{wire.ColumnOf(to, z, d)}
	if method == "apply" {
		logdet := make([]float64, rows)
		columns = append(columns, wire.ColumnOf("logdet", logdet, 0))
		err = f.Apply(z, x, logdet, transform.Address(at), rows)
	} else {
		err = f.Invert(z, x, rows)
	}
	if err != nil {
		return none, err
	}
	return wire.Message{Batches: []arrow.Record{wire.Batch(columns...)}}, nil
}

// fitted asks an object of the other side for a fitted transform.
func (r remote) fitted(state json.RawMessage, dim int) (transform.Fitted, error) {
	var t targetFacts
	if _, err := r.call(context.Background(), "fitted", fittedParams{state, dim}, wire.Message{}, &t); err != nil {
		return nil, err
	}
	return &remoteFitted{remote{r.peer, t.Target}, dim, state}, nil
}

// Fitted implements transform.Stage. A stage that is no transform has no such
// method on the other side, and says so.
func (s stage) Fitted(state json.RawMessage, dim int) (transform.Fitted, error) {
	return remote{s.peer, ""}.fitted(state, dim)
}

// remoteFitted is a transform.Fitted of the other side.
type remoteFitted struct {
	remote
	dim   int
	state json.RawMessage
}

// Dim implements transform.Fitted.
func (f *remoteFitted) Dim() int { return f.dim }

// State implements transform.Fitted.
func (f *remoteFitted) State() any { return f.state }

// Apply implements transform.Fitted.
func (f *remoteFitted) Apply(z, x, logdet []float64, at transform.Address, rows int) error {
	return f.ask("apply", applyParams(at), "x", "z", z, x, logdet, rows)
}

// Invert implements transform.Fitted.
func (f *remoteFitted) Invert(x, z []float64, rows int) error {
	return f.ask("invert", nil, "z", "x", x, z, nil, rows)
}

func (f *remoteFitted) ask(method string, p any, from, to string, dst, src, logdet []float64, rows int) error {
	d := f.dim
	if len(dst) < rows*d || len(src) < rows*d || logdet != nil && len(logdet) < rows {
		panic("remote: slice shorter than its rows")
	}
	if rows == 0 {
		return nil
	}
	src = src[:rows*d]
	out, err := f.call(context.Background(), method, p, wire.Message{Batches: []arrow.Record{wire.Batch(wire.ColumnOf(from, src, d))}}, nil)
	defer out.Release()
	if err != nil {
		return err
	}
	if err := batches(out, 1); err != nil {
		return f.broke(err)
	}
	v, err := wire.Values[float64](out.Batches[0], to, d, rows)
	if err != nil {
		return f.broke(err)
	}
	for i, x := range v {
		if math.IsNaN(x) && finiteRow(src[i/d*d:i/d*d+d]) {
			return f.blame(schemas.Errorf(schemas.NonFinite, "%s of row %d of a batch is not a number, in dimension %d", method, i/d, i%d))
		}
	}
	if logdet != nil {
		ld, err := wire.Values[float64](out.Batches[0], "logdet", 0, rows)
		if err != nil {
			return f.broke(err)
		}
		for r, x := range ld {
			if math.IsNaN(x) && finiteRow(src[r*d:(r+1)*d]) {
				return f.blame(schemas.Errorf(schemas.NonFinite, "the log-determinant of row %d of a batch is not a number", r))
			}
			logdet[r] += x
		}
	}
	copy(dst, v)
	return nil
}

// finiteRow says whether all values are finite: a difference of what is not is
// not zero.
func finiteRow[T float32 | float64](x []T) bool {
	for _, v := range x {
		if v-v != 0 {
			return false
		}
	}
	return true
}

// nameTransforms gives the transforms that a stage of the other side appended,
// those after the first n, their names on this side and the configuration that
// makes them again.
func (i *Instance) nameTransforms(rows map[string]pipeline.Rows, n int) error {
	for _, r := range rows {
		r, ok := r.(*remoteRows)
		if !ok {
			continue
		}
		meta := r.schema.Metadata()
		text, ok := meta.GetValue(schemas.MetaTransforms)
		if !ok {
			continue
		}
		var list []transformFacts
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			return schemas.Errorf(schemas.PluginProtocol, "the rows do not say how they were transformed: %w", err)
		}
		changed := false
		for k := min(n, len(list)); k < len(list); k++ {
			if name := i.as(list[k].Use); name != list[k].Use {
				list[k].Use, changed = name, true
				if len(list[k].With) == 0 {
					list[k].With = i.config
				}
			}
		}
		if !changed {
			continue
		}
		raw, err := json.Marshal(list)
		if err != nil {
			return schemas.Errorf(schemas.PluginProtocol, "%w", err)
		}
		keys, values := meta.Keys(), append([]string(nil), meta.Values()...)
		values[meta.FindKey(schemas.MetaTransforms)] = string(raw)
		named := arrow.NewMetadata(keys, values)
		r.schema = arrow.NewSchema(r.schema.Fields(), &named)
	}
	return nil
}

// transformFacts is a schemas.Transform whose values stay the bytes that they
// are, and, in the description of a flow, the object that makes it again where
// the receiver does not know its name.
type transformFacts struct {
	Use    string          `json:"use"`
	With   json.RawMessage `json:"with,omitempty"`
	State  json.RawMessage `json:"state"`
	Target string          `json:"target,omitempty"`
}

// transformsBefore is how many transforms rows have gone through.
func transformsBefore(in pipeline.Input) int {
	rows := in.Rows
	for _, r := range in.Splits {
		rows = r
	}
	if rows == nil {
		return 0
	}
	var list []json.RawMessage
	text, _ := rows.Schema().Metadata().GetValue(schemas.MetaTransforms)
	if json.Unmarshal([]byte(text), &list) != nil {
		return 0
	}
	return len(list)
}
