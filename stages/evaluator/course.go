package evaluator

import (
	"context"
	"math"

	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/solver"
)

// Course is what some rows went through on their way from t = 0 to t = 1, in
// model space. A row whose solve failed has NaN.
type Course struct {
	Energy   []float64     // int_0^1 |v(t, x_t)|² dt
	Bend     []float64     // int_0^1 |v(t, x_t) - (x_1 - x_0)|² dt
	Distance []float64     // |x_1 - x_0|²
	Report   solver.Report // of a solve without the integrals: what a sample costs
}

// Follow solves rows x0 [rows][f.Dim()] of model space from t = 0 to t = 1, twice:
// for their ends and the number of evaluations, then for the integrals. These are
// quadratures of the solver: sums with the weights of its method over the steps
// that it takes, as exact as its states. With Euler's method and 100 steps they are
// the sums that published path energies are. Because the mean of v over the way is
// x_1 - x_0, Energy = Bend + Distance, to the solver's error.
//
// References: Liu et al., "Flow straight and fast", ICLR 2023, equation 7
// (straightness); Tong et al., "Simulation-free Schrödinger bridges via score and
// flow matching", AISTATS 2024, section 5 (path energy).
func Follow(ctx context.Context, f *flow.Flow, s solver.Solver, x0 []float64, rows int) (*Course, error) {
	if len(x0) != rows*f.Dim() {
		panic("evaluator: rows of another number of columns than the flow's")
	}
	if f.Field64 != nil {
		return follow(ctx, f.Field64, s, x0, rows)
	}
	return follow(ctx, f.Field32, s, x0, rows)
}

func follow[T solver.Float](ctx context.Context, f model.Field[T], s solver.Solver, x0 []float64, rows int) (*Course, error) {
	d := f.Dim()
	start := func() solver.State[T] {
		x := make([]T, rows*d)
		for i, v := range x0 {
			x[i] = T(v)
		}
		return solver.State[T]{X: x, Rows: rows, Dim: d}
	}
	ends := start()
	report, err := solver.Solve(ctx, s, f, ends, 0, 1)
	if err != nil {
		return nil, err
	}
	c := &Course{Energy: make([]float64, rows), Bend: make([]float64, rows), Distance: make([]float64, rows), Report: report}
	way := make([]float64, rows*d)
	for i, v := range ends.X {
		way[i] = float64(v) - float64(T(x0[i]))
	}
	state := start()
	state.Q, state.Quads = make([]float64, 2*rows), 2
	again, err := solver.Solve(ctx, s, solver.Field[T](speed[T]{f, way}), state, 0, 1)
	if err != nil {
		return nil, err
	}
	for r := range rows {
		for _, v := range way[r*d : (r+1)*d] {
			c.Distance[r] += v * v
		}
		c.Energy[r], c.Bend[r] = state.Q[2*r], state.Q[2*r+1]
		if report.Status[r] == solver.OK {
			report.Status[r] = again.Status[r]
		}
		if report.Status[r] != solver.OK {
			c.Energy[r], c.Bend[r], c.Distance[r] = math.NaN(), math.NaN(), math.NaN()
		}
	}
	return c, nil
}

// speed is a field with the integrands of a Course. way [rows][d] is x_1 - x_0.
type speed[T solver.Float] struct {
	model.Field[T]
	way []float64
}

// EvalQuad implements solver.Quadrature.
func (s speed[T]) EvalQuad(ctx context.Context, dx []T, dq []float64, t []float64, x []T, id []int64, rows int) error {
	if err := s.Eval(ctx, dx, t, x, rows); err != nil {
		return err
	}
	d := s.Dim()
	for r := range rows {
		way := s.way[int(id[r])*d:]
		var energy, bend float64
		for i, v := range dx[r*d : (r+1)*d] {
			u := float64(v)
			b := u - way[i]
			energy += u * u
			bend += b * b
		}
		dq[2*r], dq[2*r+1] = energy, bend
	}
	return nil
}

// Distant says whether the field is; see solver.Distant.
func (s speed[T]) Distant() bool { return solver.Distant[T](s.Field) }
