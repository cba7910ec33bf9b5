package conform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pathline/pathline/stages/law"
	"github.com/pathline/pathline/stages/solver"
	"github.com/pathline/pathline/stages/solver/solvertest"
)

// accuracy is what a solver must reach with its example's configuration: enough
// to tell a method from a mistake. How fast it becomes better is solver/order.
const accuracy = 0.05

func solverCases() []Case {
	laws := slices.DeleteFunc(solvertest.Laws(accuracy), func(l law.Law[solver.Solver]) bool {
		return l.Name == "cancellation" // errors lose their identity on the way; see field-error and cancel
	})
	out := lawCases("solver", "tableau-", solvertest.TableauLaws(), tableau)
	out = append(out, lawCases("solver", "", laws, plain[solver.Solver])...)
	return append(out,
		Case{ID: "solver/order", Kind: "solver", run: observedOrder,
			Sentence: "With twice the steps errors fall by 2^order, on y' = -y and on y' = y², where the configuration has steps; the order is the one that the solver says it has."},
		Case{ID: "solver/tolerance", Kind: "solver", run: observedTolerance,
			Sentence: "With smaller tolerances errors are smaller, where the configuration has rtol and atol."},
		own("solver", "evaluations", "The evaluations that are reported for a row are those that the field saw of it.", countedEvaluations, plain[solver.Solver]),
		own("solver", "not-a-number", "A field that gives no numbers ends in a status of its rows, not in a hang.", nanField, plain[solver.Solver]),
		own("solver", "field-error", "An error of the field ends the solve, and its words come back.", fieldError, plain[solver.Solver]),
		own("solver", "cancel", "A solve that is cancelled stops asking for evaluations within a step.", cancelledSolve, plain[solver.Solver]),
		own("solver", "rows", "100,000 rows are solved at once, in both widths, and each is what it is alone.", solverRows, plain[solver.Solver]),
	)
}

// tableau is for the solvers that are one.
func tableau(ctx context.Context, s *subject, i *implementation) (b solver.Tableau, in *instance, err error) {
	v, in, err := service[solver.Solver](ctx, s, i, nil)
	if err != nil {
		return b, nil, err
	}
	m, ok := v.(*solver.Method)
	if !ok {
		in.shut()
		return b, nil, skipf("it is no Runge-Kutta tableau")
	}
	return m.Tableau, in, nil
}

// row is a field of one column and of its own time.
type row func(t, x float64) float64

func (f row) Eval(_ context.Context, dx, t, x []float64, rows int) error {
	for r := range rows {
		dx[r] = f(t[r], x[r])
	}
	return nil
}

// problems have closed forms; the second is not linear.
var problems = []struct {
	name    string
	field   row
	x0, end float64
}{
	{"y' = -y", func(_, x float64) float64 { return -x }, 1, math.Exp(-1)},
	{"y' = y²", func(_, x float64) float64 { return x * x }, 0.5, 1},
	{"y' = y cos t", func(t, x float64) float64 { return x * math.Cos(t) }, 1, math.Exp(math.Sin(1))},
}

// orderOf is the order that a solver says it has, 0 when it says none.
func orderOf(s solver.Solver) int {
	switch s := s.(type) {
	case *solver.Method:
		return s.Tableau.Order
	case interface{ Order() int }:
		return s.Order()
	}
	return 0
}

// errorsWith solves the problems with other configurations and gives, for each
// problem, the errors.
func errorsWith(ctx context.Context, s *subject, i *implementation, configs []json.RawMessage) (out [][]float64, order int, err error) {
	out = make([][]float64, len(problems))
	for _, config := range configs {
		v, in, err := service[solver.Solver](ctx, s, i, config)
		if err != nil {
			return nil, 0, err
		}
		order = orderOf(v)
		for k, p := range problems {
			x := []float64{p.x0}
			r, err := v.Solve64(ctx, p.field, solver.State[float64]{X: x, Rows: 1, Dim: 1}, 0, 1)
			if err == nil && r.Status[0] != solver.OK {
				err = fmt.Errorf("the solve ends as %v", r.Status[0])
			}
			if err != nil {
				in.shut()
				return nil, 0, fmt.Errorf("%s with %s: %w", p.name, config, err)
			}
			out[k] = append(out[k], math.Abs(x[0]-p.end))
		}
		in.shut()
	}
	return out, order, nil
}

func observedOrder(ctx context.Context, s *subject, i *implementation) error {
	steps := []int{8, 16, 32}
	var configs []json.RawMessage
	for _, n := range steps {
		config, ok := i.with(map[string]any{"steps": n})
		if !ok {
			return skipf("the configuration has no `steps` that can be %d", n)
		}
		configs = append(configs, config)
	}
	errs, order, err := errorsWith(ctx, s, i, configs)
	if err != nil {
		return err
	}
	least := float64(max(order, 1)) - 0.35
	var wrong []string
	for k, e := range errs {
		if e[2] < 1e-13 {
			continue // there is nothing left to measure
		}
		seen := math.Log2(e[1] / e[2])
		switch {
		case !(seen > least):
			wrong = append(wrong, fmt.Sprintf("on %s the errors with %v steps are %.3g: order %.2f, where %d is due", problems[k].name, steps, e, seen, max(order, 1)))
		case order > 0 && seen > float64(order)+1.5 && e[2] > 1e-11:
			wrong = append(wrong, fmt.Sprintf("on %s the errors with %v steps are %.3g: order %.2f, where it says that it has %d", problems[k].name, steps, e, seen, order))
		}
	}
	if wrong != nil {
		return errors.New(strings.Join(wrong, "\n"))
	}
	return nil
}

func observedTolerance(ctx context.Context, s *subject, i *implementation) error {
	tolerances := []float64{1e-3, 1e-5, 1e-7}
	var configs []json.RawMessage
	for _, tol := range tolerances {
		config, ok := i.with(map[string]any{"rtol": tol, "atol": tol})
		if !ok {
			return skipf("the configuration has no `rtol` and `atol`")
		}
		configs = append(configs, config)
	}
	errs, _, err := errorsWith(ctx, s, i, configs)
	if err != nil {
		return err
	}
	for k, e := range errs {
		for j, tol := range tolerances {
			if !(e[j] <= 100*tol) {
				return fmt.Errorf("on %s with rtol and atol %g the error is %.3g", problems[k].name, tol, e[j])
			}
		}
	}
	return nil
}

// counting is y' = -y with the row's number as its integrand; it counts the
// evaluations of each row.
type counting struct {
	mu   sync.Mutex
	seen map[int64]int32
}

func (f *counting) Eval(_ context.Context, dx, _, x []float64, rows int) error {
	for r := range rows {
		dx[r] = -x[r]
	}
	return nil
}

func (f *counting) EvalQuad(ctx context.Context, dx, dq, t, x []float64, id []int64, rows int) error {
	f.mu.Lock()
	for r := range rows {
		f.seen[id[r]]++
		dq[r] = float64(id[r])
	}
	f.mu.Unlock()
	return f.Eval(ctx, dx, t, x, rows)
}

func countedEvaluations(t law.T, s solver.Solver) {
	const rows, first = 5, 40
	f := &counting{seen: map[int64]int32{}}
	state := solver.State[float64]{X: []float64{1, 2, 3, 4, 5}, Q: make([]float64, rows), Rows: rows, Dim: 1, Quads: 1, FirstID: first}
	report, err := s.Solve64(t.Context(), f, state, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	for r := range rows {
		if got, want := report.Evaluations[r], f.seen[first+int64(r)]; got != want {
			t.Errorf("row %d reports %d evaluations, the field saw %d", r, got, want)
		}
		if want := float64(first + r); math.Abs(state.Q[r]-want) > 1e-6*want {
			t.Errorf("the integral of the constant %v over one unit of time is %v", want, state.Q[r])
		}
	}
}

func nanField(t law.T, s solver.Solver) {
	x := []float64{1, 2}
	report, err := s.Solve64(t.Context(), row(func(_, x float64) float64 {
		if x < 1.5 {
			return -x
		}
		return math.NaN()
	}), solver.State[float64]{X: x, Rows: 2, Dim: 1}, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if report.Status[1] == solver.OK {
		t.Errorf("a row whose field is not a number ends as %v, at %v", report.Status[1], x[1])
	}
	if report.Status[0] != solver.OK || math.Abs(x[0]-math.Exp(-1)) > accuracy {
		t.Errorf("the row beside it ends as %v, at %v", report.Status[0], x[0])
	}
}

// afterwards does something after so many evaluations.
type afterwards struct {
	left atomic.Int64
	do   func() error
}

func (f *afterwards) Eval(_ context.Context, dx, _, x []float64, rows int) error {
	if f.left.Add(-1) < 0 {
		if err := f.do(); err != nil {
			return err
		}
	}
	for i := range dx {
		dx[i] = -x[i]
	}
	return nil
}

func fieldError(t law.T, s solver.Solver) {
	for _, after := range []int64{0, 1} {
		f := &afterwards{do: func() error { return errors.New("the field has run out of ink") }}
		f.left.Store(after)
		_, err := s.Solve64(t.Context(), f, solver.State[float64]{X: []float64{1}, Rows: 1, Dim: 1}, 0, 1)
		switch {
		case err == nil && f.left.Load() >= 0: // one evaluation was enough
		case err == nil:
			t.Errorf("the field failed after %d evaluations, and the solve did not", after)
		case !strings.Contains(err.Error(), "run out of ink"):
			t.Errorf("the field said that it has run out of ink, the solve says: %v", err)
		}
	}
}

func cancelledSolve(t law.T, s solver.Solver) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := &afterwards{do: func() error { cancel(); return nil }}
	f.left.Store(2)
	start := time.Now()
	_, err := s.Solve64(ctx, f, solver.State[float64]{X: []float64{1, 2}, Rows: 2, Dim: 1}, 0, 1)
	if err == nil && f.left.Load() >= -40 {
		return // it had come to its end
	}
	if err == nil || f.left.Load() < -40 {
		t.Errorf("after it was cancelled the solve asked for %d evaluations more, error %v", -f.left.Load(), err)
	}
	if d := time.Since(start); d > 3*time.Second {
		t.Errorf("it took %s to stop", d.Round(time.Millisecond))
	}
}

func solverRows(t law.T, s solver.Solver) {
	solveMany[float64](t, s)
	solveMany[float32](t, s)
}

// turning is x' = -y, y' = x for pairs of columns.
type turning[T solver.Float] struct{}

func (turning[T]) Eval(_ context.Context, dx []T, _ []float64, x []T, rows int) error {
	for r := range rows {
		dx[2*r], dx[2*r+1] = -x[2*r+1], x[2*r]
	}
	return nil
}

func solveMany[T solver.Float](t law.T, s solver.Solver) {
	x := make([]T, 2*manyRows)
	for i := range x {
		x[i] = T(i%977)/100 - 4
	}
	before := slices.Clone(x)
	report, err := solver.Solve(t.Context(), s, solver.Field[T](turning[T]{}), solver.State[T]{X: x, Rows: manyRows, Dim: 2}, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []int{0, 1, 4999, manyRows - 1} {
		alone := slices.Clone(before[2*r : 2*r+2])
		one, err := solver.Solve(t.Context(), s, solver.Field[T](turning[T]{}), solver.State[T]{X: alone, Rows: 1, Dim: 2}, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		if report.Status[r] != one.Status[0] || alone[0] != x[2*r] || alone[1] != x[2*r+1] {
			t.Errorf("row %d of %d ends as %v at %v, alone as %v at %v", r, manyRows, report.Status[r], x[2*r:2*r+2], one.Status[0], alone)
		}
	}
}
