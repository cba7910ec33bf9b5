package model

import (
	"context"
	"sync"

	"github.com/pathline/pathline/stages/autodiff"
)

// Doubled is an optional extension of a Network: the same field with the
// present weights in float64, slow and accurate, for references and for order
// tests. Later changes of the weights do not reach it.
type Doubled interface {
	Float64() (Field[float64], error)
}

// Float64 implements Doubled.
func (n *network) Float64() (Field[float64], error) {
	return &field64{network: n, params: n.weights.Widened()}, nil
}

// field64 interprets the graph.
type field64 struct {
	network *network
	params  [][]float64
	graphs  sync.Map // of *program64, by reverse
}

func (f *field64) Dim() int { return f.network.dim }

// Held implements Holder.
func (f *field64) Held() int { return f.network.held }

// Eval is v(t, x).
func (f *field64) Eval(ctx context.Context, dx []float64, t []float64, x []float64, rows int) error {
	return f.Divergence(ctx, dx, nil, t, x, nil, rows, -1)
}

// Divergence writes v and its divergence; with probes of -1, v alone.
func (f *field64) Divergence(ctx context.Context, v []float64, div []float64, t []float64, x, probe []float64, rows, probes int) error {
	n, d := f.network, f.network.dim
	if rows < 0 || probes < -1 || len(v) < rows*d || len(x) < rows*d || len(t) < rows || len(div) < rows*max(probes, min(1, probes+1)) || len(probe) < max(probes, 0)*rows*d {
		panic("model: slice shorter than its rows")
	}
	g := autodiff.New()
	xs, vs := n.begin(g)
	outs := []autodiff.Value{n.still(g, vs)}
	switch {
	case probes == 0:
		outs = append(outs, g.Divergence(vs, xs))
	case probes > 0:
		outs = append(outs, g.Probe(vs, xs, n.moving(g, g.Input("probe", probes, d))))
	}
	k := max(1, probes)
	for r := 0; r < rows; r += blockRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		m := min(blockRows, rows-r)
		in := [][]float64{x[r*d : (r+m)*d], t[r : r+m]}
		if probes > 0 {
			z := make([]float64, 0, m*probes*d) // [rows][probes][dim] from [probes][rows][dim]
			for i := r; i < r+m; i++ {
				for p := range probes {
					z = append(z, probe[(p*rows+i)*d:(p*rows+i+1)*d]...)
				}
			}
			in = append(in, z)
		}
		y, err := g.Interpret(outs, f.params, in, m)
		if err != nil {
			return err
		}
		copy(v[r*d:], y[0])
		if probes < 0 {
			continue
		}
		for i := range m * k {
			div[r*k+i] = y[1][i%len(y[1])] // a linear field has one for all rows
		}
	}
	return nil
}

// blockRows is how many rows are interpreted together.
const blockRows = 64
