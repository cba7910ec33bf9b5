package likelihood

import (
	"context"
	"runtime"
	"slices"
	"sync"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/solver"
)

// probed integrates K estimates zᵀ(∂v/∂x)z of the divergence, each with a probe
// z of its own for every row. The probe of a row may not change during a solve,
// or what is solved is no ODE: it is a function of the row's number.
//
// Rows come in the same company for many evaluations. Their probes are kept side
// by side, and what an evaluation finds is used as it is; a row that is new in its
// place has its probes drawn.
type probed[T solver.Float] struct {
	model.Field[T]
	trace Trace

	mu   sync.Mutex
	made int          // companies, those in use included
	free []*probes[T] // not in use, the longest unused first
}

func newProbed[T solver.Float](f model.Field[T], trace Trace) *probed[T] {
	return &probed[T]{Field: f, trace: trace}
}

// Distant is that of the field; see solver.Distant.
func (p *probed[T]) Distant() bool { return solver.Distant[T](p.Field) }

// EvalQuad implements solver.Quadrature.
func (p *probed[T]) EvalQuad(ctx context.Context, dx []T, dq, t []float64, x []T, id []int64, rows int) error {
	s := p.borrow(id[:rows])
	s.gather(p.trace, id[:rows])
	err := p.Divergence(ctx, dx, dq, t, x, s.z, rows, p.trace.Probes)
	p.giveBack(s)
	return err
}

// giveBack ends what borrow began.
func (p *probed[T]) giveBack(s *probes[T]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, s)
}

// borrow is the company that has rows of id at the same places, if there is one. A
// tile asks with all its rows and, when it is filled up, with the new ones: two
// companies for every worker are enough, and a wrong guess costs draws only.
func (p *probed[T]) borrow(id []int64) *probes[T] {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.free, func(s *probes[T]) bool { return s.has(id, 0) || s.has(id, len(id)/2) })
	if i < 0 {
		if p.made < 2*runtime.GOMAXPROCS(0) || len(p.free) == 0 {
			p.made++
			return &probes[T]{dim: p.Dim(), draw: make([]float32, p.Dim())}
		}
		i = 0
	}
	s := p.free[i]
	p.free = slices.Delete(p.free, i, i+1)
	return s
}

// probes are those of a company of rows.
type probes[T solver.Float] struct {
	dim  int
	id   []int64   // the rows
	z    []T       // [K][len(id)][dim], as Divergence takes them
	draw []float32 // [dim]
}

func (s *probes[T]) has(id []int64, place int) bool {
	return place < len(id) && place < len(s.id) && s.id[place] == id[place]
}

// gather makes the company that of id.
func (s *probes[T]) gather(trace Trace, id []int64) {
	if slices.Equal(s.id, id) {
		return
	}
	s.move(trace.Probes, len(id))
	n := len(id)
	for r, v := range id {
		if r < len(s.id) && s.id[r] == v {
			continue
		}
		for k := range trace.Probes {
			// The directions that Hutch++ looks along must be independent, which signs
			// need not be.
			if trace.Noise == Gaussian || trace.HutchPP && k < trace.Probes/2 {
				trace.Key.Normals32(s.draw, uint64(v), trace.step+uint32(k))
			} else {
				trace.Key.Signs(s.draw, uint64(v), trace.step+uint32(k))
			}
			z := s.z[(k*n+r)*s.dim : (k*n+r+1)*s.dim]
			for i, v := range s.draw {
				z[i] = T(v)
			}
		}
	}
	s.id = append(s.id[:0], id...)
}

// move makes room for the probes of n rows and puts those of the first rows where
// they belong then.
func (s *probes[T]) move(probes, n int) {
	have := len(s.id)
	size, from, to := probes*n*s.dim, have*s.dim, n*s.dim
	if cap(s.z) < size {
		s.z = append(make([]T, 0, size), s.z...)
	}
	s.z = s.z[:max(size, probes*from)]
	if to < from {
		for k := 1; k < probes; k++ {
			copy(s.z[k*to:(k+1)*to], s.z[k*from:])
		}
	} else if to > from {
		for k := probes - 1; k > 0; k-- {
			copy(s.z[k*to:], s.z[k*from:(k+1)*from])
		}
	}
	s.z = s.z[:size]
}
