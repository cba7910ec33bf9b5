package remote

import (
	"context"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/solver"
)

// A field, for d columns of x:
//
//	eval(t, x)                       -> v
//	eval_quad(t, x, id)              -> v, dq          dq [quads] float64; id int64, the rows' numbers
//	divergence(t, x, probe0, ...)    -> v, div         div [max(probes, 1)] float64
//	product(t, x, probe0, ...)       -> v, jz0, ...    of exact models whose facts say products

type divergenceParams struct {
	Probes int `json:"probes"`
}

// maxProbes bounds the columns of a call.
const maxProbes = 4096

// fieldObject answers for a field of d columns.
func fieldObject[T solver.Float](p *peer, f solver.Field[T], d, quads int) object {
	return func(ctx context.Context, method string, m wire.Message) (wire.Message, error) {
		return answerField(ctx, p, f, d, quads, method, m)
	}
}

// answerField computes the rows of a call in blocks, on the threads of the
// instance: the result of a row depends on that row alone.
func answerField[T solver.Float](ctx context.Context, p *peer, f solver.Field[T], d, quads int, method string, m wire.Message) (wire.Message, error) {
	var none wire.Message
	if err := batches(m, 1); err != nil {
		return none, err
	}
	rec := m.Batches[0]
	rows := int(rec.NumRows())
	t, err := wire.Values[float64](rec, "t", 0, rows)
	if err != nil {
		return none, err
	}
	x, err := wire.Values[T](rec, "x", d, rows)
	if err != nil {
		return none, err
	}
	v := make([]T, rows*d)
	columns := []wire.Column{wire.ColumnOf("v", v, d)}
	var block func(lo, hi int) error
	switch method {
	case "eval":
		block = func(lo, hi int) error { return f.Eval(ctx, v[lo*d:hi*d], t[lo:hi], x[lo*d:hi*d], hi-lo) }
	case "eval_quad":
		q, ok := f.(solver.Quadrature[T])
		if !ok || quads == 0 {
			return none, noMethod("field without integrals", method)
		}
		dq := make([]float64, rows*quads)
		columns = append(columns, wire.ColumnOf("dq", dq, quads))
		id, err := wire.Values[int64](rec, "id", 0, rows)
		if err != nil {
			return none, err
		}
		block = func(lo, hi int) error {
			return q.EvalQuad(ctx, v[lo*d:hi*d], dq[lo*quads:hi*quads], t[lo:hi], x[lo*d:hi*d], id[lo:hi], hi-lo)
		}
	case "divergence":
		g, ok := f.(model.Field[T])
		if !ok {
			return none, noMethod("field", method)
		}
		var c divergenceParams
		if err := params(m, &c); err != nil {
			return none, err
		}
		if c.Probes < 0 || c.Probes > maxProbes {
			return none, schemas.Errorf(schemas.PluginProtocol, "a divergence with %d probes", c.Probes)
		}
		probes := make([][]T, c.Probes)
		for k := range probes {
			if probes[k], err = wire.Values[T](rec, probeName(k), d, rows); err != nil {
				return none, err
			}
		}
		width := max(c.Probes, 1)
		div := make([]float64, rows*width)
		columns = append(columns, wire.ColumnOf("div", div, width))
		block = func(lo, hi int) error {
			probe := make([]T, 0, c.Probes*(hi-lo)*d)
			for _, z := range probes {
				probe = append(probe, z[lo*d:hi*d]...)
			}
			return g.Divergence(ctx, v[lo*d:hi*d], div[lo*width:hi*width], t[lo:hi], x[lo*d:hi*d], probe, hi-lo, c.Probes)
		}
	case "product":
		g, ok := f.(model.Linearized[T])
		if !ok {
			return none, noMethod("field", method)
		}
		var c divergenceParams
		if err := params(m, &c); err != nil {
			return none, err
		}
		if c.Probes < 1 || c.Probes > maxProbes {
			return none, schemas.Errorf(schemas.PluginProtocol, "products with %d vectors", c.Probes)
		}
		z, jz := make([][]T, c.Probes), make([][]T, c.Probes)
		for k := range z {
			if z[k], err = wire.Values[T](rec, probeName(k), d, rows); err != nil {
				return none, err
			}
			jz[k] = make([]T, rows*d)
			columns = append(columns, wire.ColumnOf(productName(k), jz[k], d))
		}
		block = func(lo, hi int) error {
			in := make([]T, 0, c.Probes*(hi-lo)*d)
			for _, z := range z {
				in = append(in, z[lo*d:hi*d]...)
			}
			out := make([]T, len(in))
			err := g.Product(ctx, v[lo*d:hi*d], out, t[lo:hi], x[lo*d:hi*d], in, hi-lo, c.Probes)
			for k := range jz {
				copy(jz[k][lo*d:hi*d], out[k*(hi-lo)*d:])
			}
			return err
		}
	default:
		return none, noMethod("field", method)
	}
	if err := p.blocks(rows, solver.Distant(f), block); err != nil {
		return none, err
	}
	return wire.Message{Batches: []arrow.Record{wire.Batch(columns...)}}, nil
}

// remoteField is a field of the other side.
type remoteField[T solver.Float] struct {
	remote
	dim int
}

// Dim implements model.Field.
func (f remoteField[T]) Dim() int { return f.dim }

// Distant makes a solver ask for many rows at a time; see solver.Distant.
func (f remoteField[T]) Distant() bool { return true }

// Eval implements solver.Field.
func (f remoteField[T]) Eval(ctx context.Context, dx []T, t []float64, x []T, rows int) error {
	return f.ask(ctx, "eval", nil, dx, nil, 0, t, x, nil, rows)
}

// Divergence implements model.Field.
func (f remoteField[T]) Divergence(ctx context.Context, v []T, div []float64, t []float64, x, probe []T, rows, probes int) error {
	more := make([]wire.Column, probes)
	for k := range more {
		more[k] = wire.ColumnOf(probeName(k), probe[k*rows*f.dim:(k+1)*rows*f.dim], f.dim)
	}
	return f.ask(ctx, "divergence", divergenceParams{probes}, v, div, max(probes, 1), t, x, more, rows)
}

// product asks for the products of the Jacobian with k vectors.
func (f remoteField[T]) product(ctx context.Context, v, jz []T, t []float64, x, z []T, rows, k int) error {
	if rows == 0 {
		return nil
	}
	d := f.dim
	columns := []wire.Column{wire.ColumnOf("t", t[:rows], 0), wire.ColumnOf("x", x[:rows*d], d)}
	for p := range k {
		columns = append(columns, wire.ColumnOf(probeName(p), z[p*rows*d:(p+1)*rows*d], d))
	}
	out, err := f.call(ctx, "product", divergenceParams{k}, wire.Message{Batches: []arrow.Record{wire.Batch(columns...)}}, nil)
	defer out.Release()
	if err != nil {
		return err
	}
	if err := batches(out, 1); err != nil {
		return f.broke(err)
	}
	for p := -1; p < k; p++ {
		name, dst := "v", v
		if p >= 0 {
			name, dst = productName(p), jz[p*rows*d:]
		}
		w, err := wire.Values[T](out.Batches[0], name, d, rows)
		if err != nil {
			return f.broke(err)
		}
		copy(dst, w)
	}
	return nil
}

// remoteQuadrature is a field with integrals.
type remoteQuadrature[T solver.Float] struct {
	remoteField[T]
	quads int
}

// EvalQuad implements solver.Quadrature.
func (f remoteQuadrature[T]) EvalQuad(ctx context.Context, dx []T, dq []float64, t []float64, x []T, id []int64, rows int) error {
	return f.ask(ctx, "eval_quad", nil, dx, dq, f.quads, t, x, []wire.Column{wire.ColumnOf("id", id[:rows], 0)}, rows)
}

// ask calls a method; more are columns beside t and x, second is the float64
// column beside v, of width.
func (f remoteField[T]) ask(ctx context.Context, method string, p any, v []T, second []float64, width int, t []float64, x []T, more []wire.Column, rows int) error {
	if rows == 0 {
		return nil
	}
	d := f.dim
	columns := append([]wire.Column{wire.ColumnOf("t", t[:rows], 0), wire.ColumnOf("x", x[:rows*d], d)}, more...)
	out, err := f.call(ctx, method, p, wire.Message{Batches: []arrow.Record{wire.Batch(columns...)}}, nil)
	defer out.Release()
	if err != nil {
		return err
	}
	if err := batches(out, 1); err != nil {
		return f.broke(err)
	}
	w, err := wire.Values[T](out.Batches[0], "v", d, rows)
	if err != nil {
		return f.broke(err)
	}
	if second != nil {
		name := "div"
		if method == "eval_quad" {
			name = "dq"
		}
		s, err := wire.Values[float64](out.Batches[0], name, width, rows)
		if err != nil {
			return f.broke(err)
		}
		copy(second, s)
	}
	copy(v, w)
	return nil
}
