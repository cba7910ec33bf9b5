package solver

import (
	"context"
	"fmt"
	"math"
)

// Dense is an optional extension of a Solver: a solve that also gives the states
// at some times on its way. Its steps, and so the states that it ends with, are
// those of the plain solve to the bit: the times are interpolated between the ends
// of steps (see [Interpolant]).
type Dense interface {
	Solver

	// SolveAt32 is Solve32 that also writes the states at times [n], which lie in
	// [t0, t1] and go in its direction, to at [n][s.Rows][s.Dim]. A row that fails
	// stays at its last accepted state for all later times.
	SolveAt32(ctx context.Context, f Field[float32], s State[float32], t0, t1 float64, times []float64, at []float32) (Report, error)
	SolveAt64(ctx context.Context, f Field[float64], s State[float64], t0, t1 float64, times []float64, at []float64) (Report, error)
}

// SolveAt is s.SolveAt32 or s.SolveAt64, as T is. A solver that is not Dense stops
// at every time, see [Trajectory]: its last digits are then others than those of
// Solve.
func SolveAt[T Float](ctx context.Context, s Solver, f Field[T], state State[T], t0, t1 float64, times []float64, at []T) (Report, error) {
	if dense, ok := s.(Dense); ok {
		switch f := any(f).(type) {
		case Field[float32]:
			return dense.SolveAt32(ctx, f, any(state).(State[float32]), t0, t1, times, any(at).([]float32))
		case Field[float64]:
			return dense.SolveAt64(ctx, f, any(state).(State[float64]), t0, t1, times, any(at).([]float64))
		}
		panic("solver: no field")
	}
	if err := checkTimes(t0, t1, times); err != nil {
		return Report{}, err
	}
	n := state.Rows * state.Dim
	stops := []float64{t0}
	place := make([]int, len(times)) // the stop of each time
	for i, t := range append(append([]float64(nil), times...), t1) {
		if t != stops[len(stops)-1] {
			stops = append(stops, t)
		}
		if i < len(times) {
			place[i] = len(stops) - 1
		}
	}
	next := 0
	return Trajectory(ctx, s, f, state, stops, func(i int, _ float64, x []T) error {
		for ; next < len(times) && place[next] == i; next++ {
			copy(at[next*n:(next+1)*n], x)
		}
		return nil
	})
}

// checkTimes says what is wrong with times on the way from t0 to t1.
func checkTimes(t0, t1 float64, times []float64) error {
	last, dir := t0, math.Copysign(1, t1-t0)
	for i, t := range times {
		if !(dir*(t-last) >= 0 && dir*(t1-t) >= 0) {
			return fmt.Errorf("solver: time %d, %v, is not on the way from %v to %v after %v", i, t, t0, t1, last)
		}
		last = t
	}
	return nil
}

// dense is what a solve is asked for beside its end.
type dense[T Float] struct {
	times []float64
	at    []T // [times][rows][dim]
	Interpolant
	a []terms // arguments of the additional stages
}

// between is the scratch memory of a tile for the states within its steps.
type between[T Float] struct {
	next  []int   // [n], the first time that the row has not reached
	spent []int32 // [n], evaluations for states within steps
	place []int   // of the rows that have one in the current step
	k     [][]T   // [additional stages][places][dim]
	y     []T     // [places][dim]
	t     []float64
	w     []float64 // [stages + additional stages], weights at one time
}

func (b *between[T]) fit(p *problem[T], size, dim int) {
	b.next, b.spent, b.place, b.t = sized(b.next, size), sized(b.spent, size), sized(b.place, size), sized(b.t, size)
	b.w = sized(b.w, len(p.dense.B))
	b.y, b.k = sized(b.y, size*dim), sized(b.k, len(p.dense.C))
	for j := range b.k {
		b.k[j] = sized(b.k[j], size*dim)
	}
}

// arrive gives the row at place r the state x for all times up to t.
func (w *tile[T]) arrive(p *problem[T], r int, t float64, x []T) {
	d, i := p.dense, w.row[r]
	for ; w.between.next[r] < len(d.times) && p.dir*(d.times[w.between.next[r]]-t) <= 0; w.between.next[r]++ {
		from := (w.between.next[r]*p.state.Rows + i) * w.dim
		copy(d.at[from:from+w.dim], x)
	}
}

// record writes the states that were asked for within the accepted steps and at
// their ends. It is called between judgement and acceptance: x are the states
// before the step, y those after it, and k has all stages.
func (p *problem[T]) record(ctx context.Context, w *tile[T]) error {
	d, b, dim := p.dense, &w.between, w.dim
	n := 0
	for r := range w.n {
		if w.verdict[r] != accept || b.next[r] == len(d.times) {
			continue
		}
		if p.dir*(w.end[r]-d.times[b.next[r]]) > 0 {
			b.place[n] = r
			n++
			continue
		}
		w.arrive(p, r, w.end[r], w.y[r*dim:(r+1)*dim])
	}
	if n == 0 {
		return nil
	}
	for j, c := range d.C {
		for i, r := range b.place[:n] {
			b.t[i] = stageTime(w.t[r], w.end[r], w.h[r], c)
			y, x := b.y[i*dim:(i+1)*dim], w.x[r*dim:(r+1)*dim]
			for e := range y {
				s := 0.0
				for m, stage := range d.a[j].stage {
					s += d.a[j].coef[m] * float64(w.slope(b, stage, i, r, p.stages)[e])
				}
				y[e] = x[e] + T(w.h[r]*s)
			}
			b.spent[r]++
		}
		if err := p.field.Eval(ctx, b.k[j][:n*dim], b.t[:n], b.y[:n*dim], n); err != nil {
			return err
		}
	}
	for i, r := range b.place[:n] {
		for ; b.next[r] < len(d.times) && p.dir*(w.end[r]-d.times[b.next[r]]) > 0; b.next[r]++ {
			d.Interpolant.at((d.times[b.next[r]]-w.t[r])/w.h[r], b.w)
			from := (b.next[r]*p.state.Rows + w.row[r]) * dim
			out, x := d.at[from:from+dim], w.x[r*dim:(r+1)*dim]
			u := (d.times[b.next[r]] - w.t[r]) / w.h[r]
			for e := range out {
				if p.noise != nil {
					out[e] = x[e] + T(u*float64(w.y[r*dim+e]-x[e]))
					continue
				}
				s := 0.0
				for stage, weight := range b.w {
					if weight != 0 {
						s += weight * float64(w.slope(b, stage, i, r, p.stages)[e])
					}
				}
				out[e] = T(float64(x[e]) + w.h[r]*s)
			}
		}
		w.arrive(p, r, w.end[r], w.y[r*dim:(r+1)*dim])
	}
	return nil
}

// slope is stage number stage of the row at place r, which is number i of those
// that have additional stages.
func (w *tile[T]) slope(b *between[T], stage, i, r, stages int) []T {
	if stage < stages {
		return w.k[stage][r*w.dim:]
	}
	return b.k[stage-stages][i*w.dim:]
}

// land ends the step that runs past t1 at t1, by the interpolant.
func (p *problem[T]) land(w *tile[T]) {
	d, q := w.dim, w.quads
	for r := range w.n {
		if w.verdict[r] != accept || p.dir*(w.end[r]-p.t1) < 0 {
			continue
		}
		if w.end[r] != p.t1 {
			weights := w.between.w
			p.overrun.at((p.t1-w.t[r])/w.h[r], weights)
			for i := r * d; i < (r+1)*d; i++ {
				w.y[i] = T(float64(w.x[i]) + w.h[r]*weighted(weights, w.k, i))
			}
			for i := r * q; i < (r+1)*q; i++ {
				w.qy[i] = w.q[i] + w.h[r]*weighted(weights, w.kq, i)
			}
		}
		w.end[r] = p.t1
	}
}

// weighted is the sum of element i of the slopes with weights.
func weighted[F Float](weights []float64, k [][]F, i int) (s float64) {
	for j, weight := range weights {
		s += weight * float64(k[j][i])
	}
	return s
}
