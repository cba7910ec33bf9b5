package main

import (
	"context"
	"math"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/stages/solver"
)

// AB2Config is what stands under `with:`.
type AB2Config struct {
	Steps int `yaml:"steps" json:"steps" doc:"equal steps from start to end" min:"2" max:"1000000"`
}

// AB2 is the two-step method of Adams and Bashforth,
//
//	x(t+h) = x + h (3 f(t, x) - f(t-h, x(t-h))) / 2,
//
// of second order at one evaluation per step. The first step is Heun's. See
// Hairer, Nørsett, Wanner, "Solving Ordinary Differential Equations I", III.1.
type AB2 struct{ steps int }

// NewAB2 builds the stage.
func NewAB2(_ context.Context, _ pipeline.Env, c AB2Config) (pipeline.Stage, error) {
	return give(AB2{c.Steps})
}

// Solve32 implements solver.Solver.
func (a AB2) Solve32(ctx context.Context, f solver.Field[float32], s solver.State[float32], t0, t1 float64) (solver.Report, error) {
	return solve(ctx, f, s, t0, t1, a.steps)
}

// Solve64 implements solver.Solver.
func (a AB2) Solve64(ctx context.Context, f solver.Field[float64], s solver.State[float64], t0, t1 float64) (solver.Report, error) {
	return solve(ctx, f, s, t0, t1, a.steps)
}

// slopes are the right-hand sides of all rows at one time.
type slopes[T solver.Float] struct {
	x []T
	q []float64
}

func solve[T solver.Float](ctx context.Context, f solver.Field[T], s solver.State[T], t0, t1 float64, steps int) (solver.Report, error) {
	report := solver.Report{Status: make([]solver.Status, s.Rows), Evaluations: make([]int32, s.Rows),
		Accepted: make([]int32, s.Rows), Rejected: make([]int32, s.Rows)}
	if t0 == t1 || s.Rows == 0 {
		return report, nil // no time is no work
	}
	n := s.Rows * s.Dim
	time, id := make([]float64, s.Rows), make([]int64, s.Rows)
	for i := range id {
		id[i] = s.FirstID + int64(i)
	}
	eval := func(k *slopes[T], t float64, x []T) error {
		for i := range time {
			time[i] = t
		}
		for i := range report.Evaluations {
			report.Evaluations[i]++
		}
		if s.Quads == 0 {
			return f.Eval(ctx, k.x, time, x, s.Rows)
		}
		return f.(solver.Quadrature[T]).EvalQuad(ctx, k.x, k.q, time, x, id, s.Rows)
	}
	fresh := func() *slopes[T] { return &slopes[T]{make([]T, n), make([]float64, s.Rows*s.Quads)} }
	last, now := fresh(), fresh()
	h := (t1 - t0) / float64(steps)

	// Heun's step: k1 at the start, k2 at x + h k1.
	guess := make([]T, n)
	if err := eval(last, t0, s.X[:n]); err != nil {
		return report, err
	}
	for i := range guess {
		guess[i] = s.X[i] + T(h)*last.x[i]
	}
	if err := eval(now, t0+h, guess); err != nil {
		return report, err
	}
	advance(s, report, h, 0.5, now, 0.5, last)

	for step := 1; step < steps; step++ {
		// The times are products, not sums: the last step ends on t1.
		if err := eval(now, t0+(t1-t0)*float64(step)/float64(steps), s.X[:n]); err != nil {
			return report, err
		}
		advance(s, report, h, 1.5, now, -0.5, last)
		last, now = now, last
	}
	return report, nil
}

// advance adds h (a k + b l) to the state. A row that would leave the numbers
// keeps its last state, and its status says why.
func advance[T solver.Float](s solver.State[T], report solver.Report, h, a float64, k *slopes[T], b float64, l *slopes[T]) {
	next := make([]T, s.Dim)
	for r := range s.Rows {
		if report.Status[r] != solver.OK {
			continue
		}
		x := s.X[r*s.Dim : (r+1)*s.Dim]
		for i := range x {
			at := r*s.Dim + i
			next[i] = x[i] + T(h)*(T(a)*k.x[at]+T(b)*l.x[at])
			if v := float64(next[i]); math.IsNaN(v) || math.IsInf(v, 0) {
				report.Status[r] = solver.NonFinite
			}
		}
		if report.Status[r] != solver.OK {
			continue
		}
		copy(x, next)
		report.Accepted[r]++
		for i := r * s.Quads; i < (r+1)*s.Quads; i++ {
			s.Q[i] += h * (a*k.q[i] + b*l.q[i])
		}
	}
}
