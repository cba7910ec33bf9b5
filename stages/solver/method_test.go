package solver_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pathline/pathline/stages/solver"
	"github.com/pathline/pathline/stages/solver/solvertest"
)

// cashKarp is a pair that is not FSAL: J. Cash, A. Karp, "A variable order
// Runge-Kutta method for initial value problems with rapidly varying right-hand
// sides", 1990. It stands for the tableaus that others bring.
func cashKarp() solver.Tableau {
	b := []float64{37.0 / 378, 0, 250.0 / 621, 125.0 / 594, 0, 512.0 / 1771}
	e := []float64{2825.0 / 27648, 0, 18575.0 / 48384, 13525.0 / 55296, 277.0 / 14336, 1.0 / 4}
	for i := range e {
		e[i] = b[i] - e[i]
	}
	return solver.Tableau{Name: "cash-karp", Order: 5, EmbeddedOrder: 4,
		C: []float64{0, 1.0 / 5, 3.0 / 10, 3.0 / 5, 1, 7.0 / 8},
		A: [][]float64{
			{},
			{1.0 / 5},
			{3.0 / 40, 9.0 / 40},
			{3.0 / 10, -9.0 / 10, 6.0 / 5},
			{-11.0 / 54, 5.0 / 2, -70.0 / 27, 35.0 / 27},
			{1631.0 / 55296, 175.0 / 512, 575.0 / 13824, 44275.0 / 110592, 253.0 / 4096},
		},
		B: b, BErr: e,
	}
}

func TestForeignTableau(t *testing.T) { solvertest.Tableau(t, cashKarp()) }

func TestSolvers(t *testing.T) {
	tol := map[int]float64{1: 2e-2, 2: 2e-4, 3: 5e-6, 4: 2e-7, 5: 1e-8, 8: 1e-12}
	for _, b := range append(solver.Tableaus(), cashKarp()) {
		t.Run(b.Name+"/steps", func(t *testing.T) {
			solvertest.Solver(t, &solver.Method{Tableau: b, Options: solver.Options{Steps: 100}}, tol[b.Order])
		})
		if b.Adaptive() {
			t.Run(b.Name+"/row", func(t *testing.T) {
				solvertest.Solver(t, &solver.Method{Tableau: b, Options: solver.Options{Rtol: 1e-7, Atol: 1e-7, Workers: 2, Tile: 5}}, 2e-6)
			})
		}
	}
}

// TestSameBits solves one batch with every cut of it into tiles and workers: rows
// with many and with few steps, rows that fail at once, on the way and for want of
// evaluations. Tiles of several sizes are filled up again when rows have left.
func TestSameBits(t *testing.T) {
	t.Run("float32", sameBits[float32])
	t.Run("float64", sameBits[float64])
}

func sameBits[T solver.Float](t *testing.T) {
	const rows = 611
	f := solvertest.Flow[T]{Dim: 3, Row: func(dx []T, t float64, x []T) float64 {
		dx[0] = T(10*math.Cos(9*t)) * (x[1] - x[0])
		dx[1] = x[0]*(28-x[2]) - x[1]
		dx[2] = x[0]*x[1] - x[2]*8/3
		if x[0] > 1000 && t > 0.1 && t < 0.2 { // the rows that fail on the way
			dx[2] = T(math.NaN())
		}
		return -10*math.Cos(9*t) - 1 - 8.0/3
	}}
	for _, b := range []solver.Tableau{solver.Euler(), solver.RK4(), solver.Bosh3(), solver.Dopri5(), solver.Dop853(), cashKarp()} {
		o := solver.Options{Steps: 13}
		if b.Adaptive() {
			o = solver.Options{Rtol: 1e-4, Atol: 1e-4, MaxEvaluations: 130}
		}
		run := func(workers, tile int, t0, t1 float64) string {
			o.Workers, o.Tile = workers, tile
			x, q := make([]T, 3*rows), make([]float64, rows)
			for i := range x {
				x[i] = T(math.Cos(float64(i*i))) * T(1+i%11)
			}
			x[50], x[60], x[900] = T(math.NaN()), 2000, 3000
			m := &solver.Method{Tableau: b, Options: o}
			report, err := solver.Solve(t.Context(), m, f, solver.State[T]{X: x, Q: q, Rows: rows, Dim: 3, Quads: 1, FirstID: 7}, t0, t1)
			if err != nil {
				t.Fatal(err)
			}
			if report.Status[16] != solver.NonFinite || report.Evaluations[16] != 0 {
				t.Errorf("%s: row 16 is %v after %d evaluations", b.Name, report.Status[16], report.Evaluations[16])
			}
			if report.Status[20] == solver.OK || !slices.Contains(report.Status, solver.OK) {
				t.Errorf("%s: row 20 is %v, too easy a test", b.Name, report.Status[20])
			}
			if b.Name == "dopri5" && !slices.Contains(report.Status, solver.MaxEvaluations) {
				t.Errorf("%s: no row runs out of evaluations", b.Name)
			}
			return fmt.Sprint(x, q, report)
		}
		for _, iv := range [][2]float64{{0, 0.25}, {0.25, 0}} {
			want := run(1, rows, iv[0], iv[1])
			for _, cut := range [][2]int{{1, 1}, {1, 7}, {2, 1}, {3, 7}, {8, 7}, {1, 64}, {2, 64}, {3, 256}, {8, 64}, {8, 1000}, {0, 0}} {
				if run(cut[0], cut[1], iv[0], iv[1]) != want {
					t.Errorf("%s: other bits with %d workers and tiles of %d rows", b.Name, cut[0], cut[1])
				}
			}
		}
	}
}

func TestCounts(t *testing.T) {
	flow := solvertest.Flows[float64]()[2]
	for _, b := range append(solver.Tableaus(), cashKarp()) {
		for _, o := range []solver.Options{{Steps: 7}, {Rtol: 1e-6, Atol: 1e-6}, {Rtol: 1e-3, Atol: 1e-9, Control: "batch"}} {
			m := &solver.Method{Tableau: b, Options: o}
			if m.Adaptive() && !b.Adaptive() {
				continue
			}
			x := slices.Clone(flow.X0)
			report, err := m.Solve64(t.Context(), flow, solver.State[float64]{X: x, Rows: 2, Dim: 2}, 0, 2)
			if err != nil {
				t.Fatal(err)
			}
			for r := range 2 {
				acc, rej, s := report.Accepted[r], report.Rejected[r], int32(b.Stages())
				want := (acc + rej) * (s - 1)
				switch {
				case !m.Adaptive() && acc != 7:
					t.Errorf("%s: %d steps of 7", b.Name, acc)
				case !m.Adaptive() && !b.FSAL():
					want = 7 * s
				case !m.Adaptive():
					want++
				case b.FSAL():
					want += 2
				default:
					want += acc + 1
				}
				if report.Evaluations[r] != want {
					t.Errorf("%s %+v: %d evaluations for %d + %d steps, want %d", b.Name, o, report.Evaluations[r], acc, rej, want)
				}
			}
		}
	}
}

func TestTimeGrid(t *testing.T) {
	grid := []float64{-1, 0, 0.1, 0.4, 0.95, 1, 3}
	for _, c := range []struct {
		t0, t1 float64
		want   []float64
	}{
		{0, 1, []float64{0, 0.1, 0.4, 0.95}},
		{1, 0, []float64{1, 0.95, 0.4, 0.1}},
		{0.2, 0.5, []float64{0.2, 0.4}},
		{5, 4, []float64{5}},
	} {
		var starts []float64
		m := &solver.Method{Tableau: solver.Heun(), Options: solver.Options{
			TimeGrid: grid, Workers: 1, Observe: func(a solver.Attempt) { starts = append(starts, a.T) },
		}}
		x := []float64{2, 0}
		if _, err := m.Solve64(t.Context(), vanDerPol{}, solver.State[float64]{X: x, Rows: 1, Dim: 2}, c.t0, c.t1); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(starts, c.want) {
			t.Errorf("from %v to %v: steps from %v, want %v", c.t0, c.t1, starts, c.want)
		}
	}
}

// TestBudgets checks the ends of a row that are neither success nor failure of
// the field: its state is that of the last accepted step.
func TestBudgets(t *testing.T) {
	solve := func(o solver.Options, f solver.Field[float64], t1 float64) (solver.Report, []float64, float64) {
		t.Helper()
		last := 0.0
		o.Workers = 1
		o.Observe = func(a solver.Attempt) {
			if a.Accepted {
				last = a.T + a.H
			}
		}
		m := &solver.Method{Tableau: solver.Dopri5(), Options: o}
		x := []float64{1, 2}
		report, err := m.Solve64(t.Context(), f, solver.State[float64]{X: x, Rows: 1, Dim: 2}, 0, t1)
		if err != nil {
			t.Fatal(err)
		}
		return report, x, last
	}
	for _, budget := range []int{1, 2, 7, 8, 9, 50} {
		report, x, last := solve(solver.Options{Rtol: 1e-9, Atol: 1e-9, MaxEvaluations: budget}, decay{}, 10)
		if report.Status[0] != solver.MaxEvaluations || int(report.Evaluations[0]) > budget || int(report.Evaluations[0]) < budget-6 {
			t.Errorf("budget %d: %v after %d", budget, report.Status[0], report.Evaluations[0])
		}
		if math.Abs(x[0]-math.Exp(-last)) > 1e-8 {
			t.Errorf("budget %d: state %v is not that of t = %v", budget, x, last)
		}
	}
	for _, budget := range []int{1, 2, 9} {
		report, x, last := solve(solver.Options{Rtol: 1e-9, Atol: 1e-9, MaxSteps: budget}, decay{}, 10)
		if report.Status[0] != solver.MaxSteps || int(report.Accepted[0]+report.Rejected[0]) != budget || math.Abs(x[0]-math.Exp(-last)) > 1e-8 {
			t.Errorf("%d steps: %v after %d + %d, state %v at %v", budget, report.Status[0], report.Accepted[0], report.Rejected[0], x, last)
		}
	}
	report, x, last := solve(solver.Options{Rtol: 1e-6, Atol: 1e-6}, singular{}, 1)
	if report.Status[0] != solver.NonFinite || last < 0.49 || last >= 0.5 || x[0] < 1 {
		t.Errorf("a field that ends at 0.5: %v at %v, state %v", report.Status[0], last, x)
	}
	report, x, last = solve(solver.Options{Rtol: 1e-6, Atol: 1e-6, MaxEvaluations: 100000}, rhs(func(dx []float64, _ float64, _ []float64) {
		dx[0], dx[1] = 1e308, 1e308
	}), 10)
	if report.Status[0] != solver.NonFinite || math.Abs(last-1.797) > 1e-2 || math.IsInf(x[0], 0) {
		t.Errorf("a solution beyond the largest number: %v at %v, state %v", report.Status[0], last, x)
	}
	report, x, last = solve(solver.Options{Rtol: 1e-6, Atol: 1e-6}, square{}, 1)
	if report.Status[0] != solver.StepUnderflow || math.Abs(last-0.5) > 1e-3 || x[1] < 1e3 {
		t.Errorf("a solution that ends at 0.5: %v at %v, state %v", report.Status[0], last, x)
	}
	longest := 0.0
	m := &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{
		Rtol: 1e-3, Atol: 1e-3, MaxStep: 0.01, Workers: 1, Observe: func(a solver.Attempt) { longest = max(longest, math.Abs(a.H)) },
	}}
	y := []float64{1, 2}
	if _, err := m.Solve64(t.Context(), decay{}, solver.State[float64]{X: y, Rows: 1, Dim: 2}, 1, 0); err != nil || longest > 0.01+1e-15 || longest < 0.009 {
		t.Errorf("max_step 0.01: %v, %v", longest, err)
	}
}

// TestStepRule follows the steps of one row through both controllers.
func TestStepRule(t *testing.T) {
	for _, b := range []solver.Tableau{solver.Bosh3(), solver.Dopri5(), solver.Tsit5(), solver.Dop853()} {
		for _, control := range []string{"row", "batch"} {
			t.Run(b.Name+"/"+control, func(t *testing.T) { stepRule(t, b, control, solver.Controller{}) })
		}
	}
}

// TestControllers follows the steps of those that are asked for.
func TestControllers(t *testing.T) {
	for _, control := range []string{"row", "batch"} {
		for _, c := range []solver.Controller{{I: 1}, {P: 0.2, I: 0.65}, {P: 0.23, I: 0.37, D: 0.04}, {P: 0.4, I: 0.3}, {I: 0.5, D: 0.2}} {
			t.Run(fmt.Sprint(control, c), func(t *testing.T) { stepRule(t, solver.Dopri5(), control, c) })
		}
	}
}

func stepRule(t *testing.T, b solver.Tableau, control string, c solver.Controller) {
	var tries []solver.Attempt
	m := &solver.Method{Tableau: b, Options: solver.Options{Rtol: 1e-4, Atol: 1e-4, Control: control, Controller: c, Observe: func(a solver.Attempt) { tries = append(tries, a) }}}
	x := []float64{2, 0}
	calls := 0
	f := rhs(func(dx []float64, _ float64, x []float64) {
		dx[0], dx[1] = x[1], 10*(1-x[0]*x[0])*x[1]-x[0]
		if calls++; calls%1000 == 0 { // an error that is not a number is no memory
			dx[0] = math.NaN()
		}
	})
	if _, err := m.Solve64(t.Context(), f, solver.State[float64]{X: x, Rows: 1, Dim: 2}, 0, 40); err != nil {
		t.Fatal(err)
	}
	order, past, older, at := float64(b.Order), 1.0, 1.0, 0.0
	present, history := c.P+c.I+c.D, c.P+2*c.D
	if c == (solver.Controller{}) {
		present, history = 0.85, 0.2
	}
	held, wary, rejected, numbers, wasRejected := 0, 0, 0, 0, false
	for i, a := range tries {
		if a.Accepted != (a.Error <= 1) || a.T != at {
			t.Fatalf("try %d, %+v, from %v", i, a, at)
		}
		change := min(10, 0.9*math.Pow(a.Error, -1/order))
		switch {
		case math.IsNaN(a.Error):
			change = 0.2
			rejected++
			numbers++
		case !a.Accepted:
			change = max(change, 0.2)
			rejected++
		case control == "batch" && c == solver.Controller{}:
			if change < 1 {
				change = 1
				held++
			}
		default:
			change = min(10, max(0.2, 0.9*math.Pow(a.Error, -present/order)*math.Pow(past, history/order)*math.Pow(older, -c.D/order)))
			past, older = max(a.Error, 1e-4), past
			if control == "batch" && change < 1 {
				change = 1
				held++
			}
			if wasRejected && change > 1 {
				change = 1
				held++
			}
			if rejected > 0 && change > 1.5 {
				change = 1.5
				wary++
			}
		}
		if wasRejected = !a.Accepted; a.Accepted {
			at = a.T + a.H
		}
		tol := 1e-12
		if control == "row" || c != (solver.Controller{}) { // the change is a float32
			tol = 1e-6 * a.H * change
		}
		if i+1 < len(tries) && math.Abs(tries[i+1].H-a.H*change) > tol && tries[i+1].T+tries[i+1].H != 40 {
			t.Fatalf("step %v after %+v, want %v", tries[i+1].H, a, a.H*change)
		}
	}
	if held == 0 || rejected == 0 || numbers == 0 || at != 40 || control == "row" && wary == 0 {
		t.Errorf("%d steps held, %d bounded, %d rejected, %d not a number, at %v: the test sees too little", held, wary, rejected, numbers, at)
	}
}

// TestErrorStopsTheOthers checks that an error in one tile ends the work on the
// rest.
func TestErrorStopsTheOthers(t *testing.T) {
	own := errors.New("the field's own")
	var calls atomic.Int64
	var begun sync.WaitGroup
	begun.Add(3)
	f := fieldFunc(func() error {
		n := calls.Add(1)
		if n <= 3 { // all three workers are at it
			begun.Done()
			begun.Wait()
		}
		if n == 11 {
			return own
		}
		if n > 11 { // leave the others time to hear of it
			time.Sleep(100 * time.Microsecond)
		}
		return nil
	})
	m := &solver.Method{Tableau: solver.Euler(), Options: solver.Options{Steps: 20000, Workers: 3, Tile: 1}}
	report, err := m.Solve64(t.Context(), f, solver.State[float64]{X: make([]float64, 500), Rows: 500, Dim: 1}, 0, 1)
	if err != own || calls.Load() > 10000 || report.Status[499] != solver.Cancelled {
		t.Errorf("error %v, %d evaluations, last row %v", err, calls.Load(), report.Status[499])
	}
}

func TestMethodCheck(t *testing.T) {
	for want, m := range map[string]*solver.Method{
		"needs steps or time_grid":  {Tableau: solver.RK4(), Options: solver.Options{Rtol: 1e-5}},
		"both zero":                 {Tableau: solver.Dopri5()},
		"rtol is NaN":               {Tableau: solver.Dopri5(), Options: solver.Options{Rtol: math.NaN()}},
		"atol is -1":                {Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1, Atol: -1}},
		"steps is -3":               {Tableau: solver.Euler(), Options: solver.Options{Steps: -3}},
		"both say":                  {Tableau: solver.Euler(), Options: solver.Options{Steps: 3, TimeGrid: []float64{0, 1}}},
		"does not increase":         {Tableau: solver.Euler(), Options: solver.Options{TimeGrid: []float64{0, 1, 1}}},
		"time_grid is empty":        {Tableau: solver.Euler(), Options: solver.Options{TimeGrid: []float64{}}},
		`control is "rows"`:         {Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1, Control: "rows"}},
		"max_step is for":           {Tableau: solver.Euler(), Options: solver.Options{Steps: 3, MaxStep: 1}},
		"max_evaluations is -1":     {Tableau: solver.Euler(), Options: solver.Options{Steps: 3, MaxEvaluations: -1}},
		"workers is -1":             {Tableau: solver.Euler(), Options: solver.Options{Steps: 3, Workers: -1}},
		"has no stages":             {Options: solver.Options{Steps: 3}},
		"tile is -1":                {Tableau: solver.Euler(), Options: solver.Options{Steps: 3, Tile: -1}},
		"max_steps is for":          {Tableau: solver.Euler(), Options: solver.Options{Steps: 3, MaxSteps: 1}},
		"max_time is -1":            {Tableau: solver.Euler(), Options: solver.Options{Steps: 3, MaxTime: -1}},
		"overshoot is for adaptive": {Tableau: solver.Euler(), Options: solver.Options{Steps: 3, Overshoot: true}},
		"overshoot is for control":  {Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1, Overshoot: true}},
		"further stages":            {Tableau: solver.Dop853(), Options: solver.Options{Rtol: 1, Overshoot: true, Control: "batch"}},
		"the interpolant of":        {Tableau: withInterpolant(), Options: solver.Options{Steps: 1}},
		"max_step is NaN, not a nu": {Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1, MaxStep: math.NaN()}},
	} {
		err := m.Check()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, have %v", want, err)
		}
		x := []float64{1}
		if _, err := m.Solve64(t.Context(), decay{}, solver.State[float64]{X: x, Rows: 1, Dim: 1}, 0, 1); err == nil {
			t.Errorf("%q does not stop a solve", want)
		}
	}
}

// TestPanicReachesTheCaller checks that what a field panics with is raised where
// a caller can recover from it, also from a worker.
func TestPanicReachesTheCaller(t *testing.T) {
	for _, workers := range []int{1, 4} {
		m := &solver.Method{Tableau: solver.Euler(), Options: solver.Options{Steps: 3, Workers: workers, Tile: 1}}
		func() {
			defer func() {
				if v := recover(); v != "decay: thrown" {
					t.Errorf("%d workers: recovered %v", workers, v)
				}
			}()
			x := []float64{1, 1, 1, 1, 1, 1}
			_, _ = m.Solve64(t.Context(), decay{throw: true}, solver.State[float64]{X: x, Rows: 6, Dim: 1}, 0, 1)
		}()
	}
}

// TestAllocations checks that steps and evaluations allocate nothing: a longer
// solve allocates no more than a short one.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("sync.Pool drops memory at random under the race detector")
	}
	t.Run("float32", allocations[float32])
	t.Run("float64", allocations[float64])
}

func allocations[T solver.Float](t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties pools
	const rows = 64
	var f solver.Field[T] = solvertest.Flows[T]()[2]
	x, q := make([]T, 2*rows), make([]float64, rows)
	for _, b := range []solver.Tableau{solver.Euler(), solver.RK4(), solver.Dopri5(), solver.Dop853(), cashKarp()} {
		for quads := range 2 {
			count := func(steps int) float64 {
				o := solver.Options{Steps: steps, Workers: 1}
				if b.Adaptive() { // tiles that are filled up
					o = solver.Options{Rtol: 1e-6, Atol: 1e-6, Workers: 1, Tile: 24, MaxStep: 1 / float64(steps)}
				}
				m := &solver.Method{Tableau: b, Options: o}
				return testing.AllocsPerRun(5, func() {
					for i := range x {
						x[i] = T(i % 7)
					}
					if _, err := solver.Solve(t.Context(), m, f, solver.State[T]{X: x, Q: q[:quads*rows], Rows: rows, Dim: 2, Quads: quads}, 0, 1); err != nil {
						t.Fatal(err)
					}
				})
			}
			if short, long := count(10), count(1000); short != long {
				t.Errorf("%s, %d quadratures: %v allocations for a short solve, %v for a long one", b.Name, quads, short, long)
			}
		}
	}
}

// TestFixedStatistics: a row that fails on the way has the steps before it and the
// evaluations of all it began; the others do not know of it.
func TestFixedStatistics(t *testing.T) {
	for _, b := range []solver.Tableau{solver.Euler(), solver.Heun(), solver.RK4(), solver.Dopri5()} {
		for _, budget := range []int{0, 25} {
			x := []float64{1, 10, 2, 10}
			m := &solver.Method{Tableau: b, Options: solver.Options{Steps: 20, Tile: 3, MaxEvaluations: budget}}
			report, err := m.Solve64(t.Context(), hole{}, solver.State[float64]{X: x, Rows: 4, Dim: 1}, 0, 1)
			if err != nil {
				t.Fatal(err)
			}
			each := int32(b.Stages())
			first := int32(0)
			if b.FSAL() {
				each, first = each-1, 1
			}
			for r := range x {
				accepted, evaluations, status := int32(20), first+20*each, solver.OK
				if r%2 == 1 { // no slope after t = 1/2: the first step that sees one is the last
					accepted = 10
					if b.Name == "euler" {
						accepted = 11
					}
					evaluations, status = first+(accepted+1)*each, solver.NonFinite
				}
				if most := (25 - first) / each; budget > 0 && most < 20 && (status == solver.OK || most <= accepted) {
					accepted, evaluations, status = most, first+most*each, solver.MaxEvaluations
				}
				if report.Status[r] != status || report.Accepted[r] != accepted || report.Evaluations[r] != evaluations || report.Rejected[r] != 0 {
					t.Errorf("%s, budget %d, row %d: %v after %d steps, %d rejected, %d evaluations; want %v, %d, 0, %d", b.Name, budget, r,
						report.Status[r], report.Accepted[r], report.Rejected[r], report.Evaluations[r], status, accepted, evaluations)
				}
			}
		}
	}
}

// hole is dx/dt = -x with a row that has no slope after t = 1/2.
type hole struct{}

func (hole) Eval(_ context.Context, dx []float64, t []float64, x []float64, rows int) error {
	for r := range rows {
		dx[r] = -x[r]
		if x[r] > 5 && t[r] > 0.5 {
			dx[r] = math.NaN()
		}
	}
	return nil
}

// TestShortestStep: the shortest step is four units in the last place of the time
// and may be rounded up, next to a power of two. A row that cannot go past one ends.
func TestShortestStep(t *testing.T) {
	for i := range 50 {
		x := []float64{10}
		m := &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1e-6, Atol: 1e-6, MaxEvaluations: 5000}}
		report, err := m.Solve64(t.Context(), hole{}, solver.State[float64]{X: x, Rows: 1, Dim: 1}, float64(i)/100, 1)
		if err != nil || report.Status[0] != solver.NonFinite {
			t.Errorf("from %v: %v after %d evaluations, %v", float64(i)/100, report.Status[0], report.Evaluations[0], err)
		}
	}
	x := []float64{10}
	m := &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1e-6, Atol: 1e-6}}
	report, err := m.Solve64(t.Context(), hole{}, solver.State[float64]{X: x, Rows: 1, Dim: 1}, 0.75, 1)
	if err != nil || report.Status[0] != solver.NonFinite || report.Evaluations[0] != 1 {
		t.Errorf("no slope at the start: %v after %d evaluations, %v", report.Status[0], report.Evaluations[0], err)
	}
}

// TestOneBadRow: a row that cannot go on does not end the others, even when all
// have one step.
func TestOneBadRow(t *testing.T) {
	for _, control := range []string{"row", "batch"} {
		x := []float64{1, 10, 2}
		m := &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1e-6, Atol: 1e-6, Control: control, MaxEvaluations: 2000}}
		report, err := m.Solve64(context.Background(), hole{}, solver.State[float64]{X: x, Rows: 3, Dim: 1}, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		if want := []solver.Status{solver.OK, solver.NonFinite, solver.OK}; !slices.Equal(report.Status, want) {
			t.Errorf("%s: %v, want %v", control, report.Status, want)
		}
		if math.Abs(x[0]-math.Exp(-1)) > 1e-5 || math.Abs(x[2]-2*math.Exp(-1)) > 1e-5 {
			t.Errorf("%s: %v", control, x)
		}
	}
}

// withInterpolant is a method whose interpolant has too few weights.
func withInterpolant() solver.Tableau {
	b := solver.Heun()
	b.Interpolant = &solver.Interpolant{Order: 1, B: [][]float64{{1}}}
	return b
}

// TestMaxTime: rows that have not arrived in time end where they are, also those
// that no tile has taken.
func TestMaxTime(t *testing.T) {
	var calls atomic.Int64
	f := fieldFunc(func() error {
		if calls.Add(1) == 3 { // by then every time that is short has passed
			time.Sleep(20 * time.Millisecond)
		}
		return nil
	})
	for _, o := range []solver.Options{{Steps: 100}, {Rtol: 1e-9, Atol: 1e-9, MaxStep: 0.01}} {
		calls.Store(0)
		o.MaxTime, o.Workers, o.Tile = 10*time.Millisecond, 1, 4
		m := &solver.Method{Tableau: solver.Dopri5(), Options: o}
		report, err := m.Solve64(t.Context(), f, solver.State[float64]{X: make([]float64, 10), Rows: 10, Dim: 1}, 0, 1)
		if err != nil || slices.ContainsFunc(report.Status, func(s solver.Status) bool { return s != solver.MaxTime }) || calls.Load() > 20 {
			t.Errorf("%+v: %v after %d evaluations, %v", o, report.Status, calls.Load(), err)
		}
		m.Options.MaxTime = time.Hour
		report, err = m.Solve64(t.Context(), f, solver.State[float64]{X: make([]float64, 10), Rows: 10, Dim: 1}, 0, 1)
		if err != nil || report.Status[9] != solver.OK {
			t.Errorf("%+v: %v in time, %v", o, report.Status, err)
		}
	}
}

// TestStatusWords: every status has a word of its own.
func TestStatusWords(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range solver.Statuses() {
		if seen[s.String()] || s.String() == "" {
			t.Errorf("status %d is %q", s, s)
		}
		seen[s.String()] = true
	}
	if len(seen) != 7 {
		t.Errorf("%d statuses", len(seen))
	}
}
