package likelihood

import (
	"context"
	"sync"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/solver"
)

// probed integrates K estimates zᵀ(∂v/∂x)z of the divergence, each with a probe
// z of its own for every row. The probe of a row may not change during a solve,
// or what is solved is no ODE: it is a function of the row's number.
type probed[T solver.Float] struct {
	model.Field[T]
	trace   Trace
	scratch sync.Pool // of *probes[T]
}

type probes[T solver.Float] struct {
	z    []T       // [K][rows][d]
	draw []float32 // [d]
}

func newProbed[T solver.Float](f model.Field[T], trace Trace) *probed[T] {
	p := &probed[T]{Field: f, trace: trace}
	p.scratch.New = func() any { return &probes[T]{draw: make([]float32, f.Dim())} }
	return p
}

// EvalQuad implements solver.Quadrature. A probe is drawn again whenever it is
// needed: that costs little beside the field, and no memory.
func (p *probed[T]) EvalQuad(ctx context.Context, dx []T, dq, t []float64, x []T, id []int64, rows int) error {
	d, s := p.Dim(), p.scratch.Get().(*probes[T])
	defer p.scratch.Put(s)
	if n := p.trace.Probes * rows * d; cap(s.z) < n {
		s.z = make([]T, n)
	}
	s.z = s.z[:p.trace.Probes*rows*d]
	for k := range p.trace.Probes {
		for r := range rows {
			if p.trace.Noise == Gaussian {
				p.trace.Key.Normals32(s.draw, uint64(id[r]), uint32(k))
			} else {
				p.trace.Key.Signs(s.draw, uint64(id[r]), uint32(k))
			}
			for i, v := range s.draw {
				s.z[(k*rows+r)*d+i] = T(v)
			}
		}
	}
	return p.Divergence(ctx, dx, dq, t, x, s.z, rows, p.trace.Probes)
}
