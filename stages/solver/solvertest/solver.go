package solvertest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/pathline/pathline/stages/law"
	"github.com/pathline/pathline/stages/solver"
)

// Solver checks a solver that is accurate to tol on smooth problems over unit
// intervals: the closed flows with their log-determinants in both widths, time
// reversed, states on the way, the ends of the interval, independence of batch mates, failures of
// single rows, errors of the field and cancellation.
func Solver(t *testing.T, s solver.Solver, tol float64) {
	law.Test(t, Laws(tol), s)
}

// Laws are the laws of a solver that is accurate to tol.
func Laws(tol float64) []law.Law[solver.Solver] {
	return []law.Law[solver.Solver]{
		{Name: "flows64", Sentence: "Linear and nonlinear problems come out as their closed forms say, with their log-determinants, there and back; no time is no work.",
			Check: func(t law.T, s solver.Solver) { flows(t, Flows[float64](), s, tol) }},
		{Name: "flows32", Sentence: "The same in float32.",
			Check: func(t law.T, s solver.Solver) { flows(t, Flows[float32](), s, tol+2e-5) }},
		{Name: "ends64", Sentence: "A solve lands exactly on its end time and never evaluates the field outside of [t0, t1].", Check: ends[float64]},
		{Name: "ends32", Sentence: "The same in float32.", Check: ends[float32]},
		{Name: "mates64", Sentence: "A row's result, counts included, does not know the rows that it is solved with.", Check: mates[float64]},
		{Name: "mates32", Sentence: "The same in float32.", Check: mates[float32]},
		{Name: "times64", Sentence: "States at times on the way are asked for within [t0, t1] and where they belong; where a solver interpolates them its ends, counts of steps and statuses are those of the plain solve, to the bit.",
			Check: func(t law.T, s solver.Solver) { times[float64](t, s, tol) }},
		{Name: "times32", Sentence: "The same in float32.", Check: func(t law.T, s solver.Solver) { times[float32](t, s, tol+2e-5) }},
		{Name: "failures", Sentence: "A row that leaves the numbers says so in its status and does not disturb the others.", Check: failures},
		{Name: "cancellation", Sentence: "The field's error comes back as it is, and a solve that is cancelled ends within a step.", Check: cancellation},
	}
}

func flows[T solver.Float](t law.T, flows []Flow[T], s solver.Solver, tol float64) {
	for _, f := range flows {
		rows := len(f.X0) / f.Dim
		x, q := slices.Clone(f.X0), make([]float64, rows)
		state := solver.State[T]{X: x, Q: q, Rows: rows, Dim: f.Dim, Quads: 1}
		solveOK(t, s, f, state, 0, 1)
		for r := range rows {
			want := slices.Clone(f.X0[r*f.Dim : (r+1)*f.Dim])
			logdet := f.Exact(want)
			for i := range want {
				near(t, fmt.Sprintf("%s: row %d, x[%d]", f.Name, r, i), float64(x[r*f.Dim+i]), float64(want[i]), tol)
			}
			near(t, fmt.Sprintf("%s: row %d, log-determinant", f.Name, r), q[r], logdet, tol)
		}
		solveOK(t, s, f, state, 1, 0)
		for i := range x {
			near(t, f.Name+": there and back", float64(x[i]), float64(f.X0[i]), 10*tol)
		}
		for r := range q {
			near(t, f.Name+": log-determinant there and back", q[r], 0, 10*tol)
		}
		before := slices.Clone(x)
		report := solveOK(t, s, f, state, 0.5, 0.5)
		if !slices.Equal(x, before) || slices.Max(report.Evaluations) != 0 {
			t.Errorf("%s: a solve over no time does something", f.Name)
		}
	}
}

func solveOK[T solver.Float](t law.T, s solver.Solver, f solver.Field[T], state solver.State[T], t0, t1 float64) solver.Report {
	t.Helper()
	report, err := solver.Solve(t.Context(), s, f, state, t0, t1)
	if err != nil {
		t.Fatal(err)
	}
	for r, status := range report.Status {
		if status != solver.OK {
			t.Fatalf("row %d: %v", r, status)
		}
	}
	return report
}

func near(t law.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*(1+math.Abs(want))) {
		t.Errorf("%s: %v, want %v within %g", what, got, want, tol)
	}
}

// fieldFunc is a field from a function of one row.
type fieldFunc[T solver.Float] struct {
	dim int
	row func(dx []T, t float64, x []T)
}

func (f fieldFunc[T]) Eval(_ context.Context, dx []T, t []float64, x []T, rows int) error {
	for r := range rows {
		f.row(dx[r*f.dim:(r+1)*f.dim], t[r], x[r*f.dim:(r+1)*f.dim])
	}
	return nil
}

// ends checks that the field is evaluated in [t0, t1] only, not one rounding
// outside, and that a solve lands on its end: the state carries the time.
func ends[T solver.Float](tt law.T, s solver.Solver) {
	for _, iv := range [][2]float64{{0, 1}, {1, 0}, {0.1, 0.7}, {0.3, 0.30000000000000004}, {-1.0 / 3, 2.0 / 3}, {1e-5, 1 - 1e-5}} {
		lo, hi := min(iv[0], iv[1]), max(iv[0], iv[1])
		f := fieldFunc[T]{2, func(dx []T, t float64, x []T) {
			if !(lo <= t && t <= hi) {
				tt.Errorf("the field is evaluated at %v, outside of [%v, %v]", t, lo, hi)
				t = min(max(t, lo), hi)
			}
			dx[0], dx[1] = 1, T(math.Sqrt(hi-t)*math.Sqrt(t-lo))*x[0]
		}}
		x := []T{T(iv[0]), 1, T(iv[0]), -300}
		solveOK(tt, s, f, solver.State[T]{X: x, Rows: 2, Dim: 2}, iv[0], iv[1])
		eps := 1e-14
		if T(1)+T(1e-10) == 1 {
			eps = 1e-5
		}
		for r := range 2 {
			near(tt, "clock", float64(x[2*r]), iv[1], eps)
		}
	}
}

// mates checks that a row's result, counts included, does not know the rows
// that it is solved with.
func mates[T solver.Float](t law.T, s solver.Solver) {
	const rows = 37
	f := Flow[T]{Dim: 2, Row: func(dx []T, t float64, x []T) float64 {
		dx[0] = x[1]
		dx[1] = T(2+2*math.Cos(20*t))*(1-x[0]*x[0])*x[1] - x[0]
		return (2 + 2*math.Cos(20*t)) * (1 - float64(x[0]*x[0]))
	}}
	x0 := make([]T, 2*rows)
	for i := range x0 {
		x0[i] = T(math.Sin(float64(i*i))) * T(1+i%3)
	}
	x, q := slices.Clone(x0), make([]float64, rows)
	report := solveOK(t, s, f, solver.State[T]{X: x, Q: q, Rows: rows, Dim: 2, Quads: 1}, 0, 1)
	for r := 0; r < rows; r += 3 {
		y, l := slices.Clone(x0[2*r:2*r+2]), make([]float64, 1)
		alone := solveOK(t, s, f, solver.State[T]{X: y, Q: l, Rows: 1, Dim: 2, Quads: 1}, 0, 1)
		if y[0] != x[2*r] || y[1] != x[2*r+1] || l[0] != q[r] {
			t.Errorf("row %d is %v, %v in a batch and %v, %v alone", r, x[2*r:2*r+2], q[r], y, l[0])
		}
		if alone.Evaluations[0] != report.Evaluations[r] || alone.Accepted[0] != report.Accepted[r] || alone.Rejected[0] != report.Rejected[r] {
			t.Errorf("row %d counts otherwise in a batch than alone", r)
		}
	}
}

// failures checks that a row that runs into infinity says so, keeps a finite
// state and does not disturb the others.
func failures(t law.T, s solver.Solver) {
	f := fieldFunc[float64]{1, func(dx []float64, _ float64, x []float64) { dx[0] = x[0] * x[0] * x[0] * x[0] }}
	x := []float64{0.5, 1e60, math.NaN(), 0.25, math.Inf(1)}
	report, err := s.Solve64(t.Context(), f, solver.State[float64]{X: x, Rows: 5, Dim: 1}, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	for r, bad := range []bool{false, true, true, false, true} {
		if got := report.Status[r]; (got != solver.OK) != bad {
			t.Errorf("row %d ends as %v", r, got)
		}
	}
	if x[0] <= 0.5 || x[0] > 0.6 || x[3] <= 0.25 || math.IsNaN(x[1]) || math.IsInf(x[1], 0) {
		t.Errorf("states %v", x)
	}
}

type failing struct {
	after *atomic.Int64 // evaluations before it fails
	err   error
	stop  context.CancelFunc // what failing is, instead of err
}

func (f failing) Eval(_ context.Context, dx []float64, _ []float64, x []float64, rows int) error {
	if f.after.Add(-1) < 0 {
		if f.stop == nil {
			return f.err
		}
		f.stop()
	}
	for i := range dx {
		dx[i] = -x[i]
	}
	return nil
}

// cancellation checks that errors come back as they are and that rows that did
// not arrive are Cancelled.
func cancellation(t law.T, s solver.Solver) {
	for _, after := range []int64{0, 1, 5} {
		var n atomic.Int64
		n.Store(after)
		own := errors.New("the field's own")
		x := []float64{1, 2}
		report, err := s.Solve64(t.Context(), failing{after: &n, err: own}, solver.State[float64]{X: x, Rows: 2, Dim: 1}, 0, 1)
		if err == nil && n.Load() >= 0 {
			continue // done before the field failed
		}
		if err != own {
			t.Errorf("after %d evaluations: error %v", after, err)
		}
		if !slices.Equal(report.Status, []solver.Status{solver.Cancelled, solver.Cancelled}) {
			t.Errorf("after %d evaluations: %v", after, report.Status)
		}
	}
	cancelWithin(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var n atomic.Int64
	n.Store(math.MaxInt64)
	x := []float64{1, 2}
	report, err := s.Solve64(ctx, failing{after: &n}, solver.State[float64]{X: x, Rows: 2, Dim: 1}, 0, 1)
	if !errors.Is(err, context.Canceled) || report.Status[0] != solver.Cancelled || x[0] != 1 {
		t.Errorf("cancelled before the start: %v, %v, %v", err, report.Status, x)
	}
}

// cancelWithin checks that a solve ends within one step of the cancellation,
// here of at most 20 evaluations for each of two rows.
func cancelWithin(t law.T, s solver.Solver) {
	for _, after := range []int64{0, 3} {
		ctx, cancel := context.WithCancel(t.Context())
		var n atomic.Int64
		n.Store(after)
		x := []float64{1, 2}
		_, err := s.Solve64(ctx, failing{after: &n, stop: cancel}, solver.State[float64]{X: x, Rows: 2, Dim: 1}, 0, 1)
		cancel()
		if err == nil && n.Load() >= 0 {
			continue
		}
		if !errors.Is(err, context.Canceled) || n.Load() < -40 {
			t.Errorf("cancelled after %d evaluations, %v after %d more", after, err, -n.Load())
		}
	}
}
