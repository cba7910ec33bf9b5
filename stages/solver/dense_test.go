package solver_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/solver"
)

// TestObservedOrderWithin halves the steps of every method and looks at the error in
// their middle, against a solution at 1e-13: that of the interpolant falls with its
// local order, that of the ends with the order of the method, and both are in it.
func TestObservedOrderWithin(t *testing.T) {
	within := func(b solver.Tableau, steps int) (worst float64) {
		x, y := []float64{2, 0}, []float64{2, 0}
		var times []float64
		for i := range steps {
			times = append(times, (float64(i)+0.41)/float64(steps))
		}
		got, want := make([]float64, 2*steps), make([]float64, 2*steps)
		m := &solver.Method{Tableau: b, Options: solver.Options{Steps: steps}}
		if _, err := m.SolveAt64(t.Context(), vanDerPol{}, solver.State[float64]{X: x, Rows: 1, Dim: 2}, 0, 1, times, got); err != nil {
			t.Fatal(err)
		}
		stops := append([]float64{0}, times...)
		exact := &solver.Method{Tableau: solver.Dop853(), Options: solver.Options{Rtol: 1e-13, Atol: 1e-13}}
		_, err := solver.Trajectory(t.Context(), exact, solver.Field[float64](vanDerPol{}), solver.State[float64]{X: y, Rows: 1, Dim: 2}, stops,
			func(i int, _ float64, x []float64) error {
				if i > 0 {
					copy(want[2*(i-1):], x)
				}
				return nil
			})
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			worst = max(worst, math.Abs(got[i]-want[i]))
		}
		return worst
	}
	for _, b := range append(solver.Tableaus(), cashKarp()) {
		order := min(b.Order, b.Dense().Order+1)
		n := 80
		if order > 3 {
			n = 40
		}
		if order > 5 {
			n = 12
		}
		slope := math.Log2(within(b, n/2) / within(b, n))
		if slope < float64(order)-0.3 || slope > float64(order)+1 {
			t.Errorf("%s: order %.2f within steps, want %d", b.Name, slope, order)
		}
	}
}

// TestDenseSameBits: states on the way do not depend on tiles, workers and batch
// mates, with fixed and with adaptive steps, and are those of the solve at its ends.
func TestDenseSameBits(t *testing.T) {
	const rows = 301
	f := rhs(func(dx []float64, t float64, x []float64) {
		dx[0], dx[1] = x[1], (2+2*math.Cos(20*t))*(1-x[0]*x[0])*x[1]-x[0]
	})
	times := []float64{0.9, 0.5, 0.25, 0.1, 0}
	for _, b := range []solver.Tableau{solver.Euler(), solver.RK4(), solver.Bosh3(), solver.Dopri5(), solver.Dop853(), cashKarp()} {
		o := solver.Options{Steps: 13}
		if b.Adaptive() {
			o = solver.Options{Rtol: 1e-5, Atol: 1e-5, MaxEvaluations: 300}
		}
		run := func(workers, tile int) string {
			o.Workers, o.Tile = workers, tile
			x, at := make([]float64, 2*rows), make([]float64, len(times)*2*rows)
			for i := range x {
				x[i] = math.Cos(float64(i*i)) * float64(1+i%4)
			}
			m := &solver.Method{Tableau: b, Options: o}
			report, err := m.SolveAt64(t.Context(), f, solver.State[float64]{X: x, Rows: rows, Dim: 2}, 1, 0, times, at)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(at[len(at)-len(x):], x) {
				t.Errorf("%s: the last states are not the ends", b.Name)
			}
			return fmt.Sprint(at, report)
		}
		want := run(1, rows)
		for _, cut := range [][2]int{{1, 1}, {2, 7}, {3, 64}, {0, 0}} {
			if run(cut[0], cut[1]) != want {
				t.Errorf("%s: other bits with %d workers and tiles of %d rows", b.Name, cut[0], cut[1])
			}
		}
	}
}

// TestDenseCounts: states at the ends of steps cost nothing; within a step a method
// with its own interpolant, or with the slope at the end, pays what that takes.
func TestDenseCounts(t *testing.T) {
	for name, more := range map[string]int32{"euler": 1, "rk4": 1, "bosh3": 0, "dopri5": 0, "tsit5": 0, "dop853": 3} {
		b, _ := solver.ByName(name)
		count := func(times ...float64) int32 {
			m := &solver.Method{Tableau: b, Options: solver.Options{Steps: 4, MaxEvaluations: 1000}}
			report, err := m.SolveAt64(t.Context(), decay{}, solver.State[float64]{X: []float64{1}, Rows: 1, Dim: 1}, 0, 1, times, make([]float64, len(times)))
			if err != nil {
				t.Fatal(err)
			}
			return report.Evaluations[0]
		}
		plain := count()
		if got := count(0, 0.25, 0.75, 1); got != plain {
			t.Errorf("%s: %d evaluations with states at the ends of steps, %d without", name, got, plain)
		}
		if got := count(0.1, 0.25); got != plain+more {
			t.Errorf("%s: %d evaluations with a state within a step and one at its end, %d without", name, got, plain)
		}
		if got := count(0.1, 0.2, 0.6); got != plain+2*more {
			t.Errorf("%s: %d evaluations with states within two steps, %d without", name, got, plain)
		}
	}
}

// TestDenseRefuses: times that are not on the way.
func TestDenseRefuses(t *testing.T) {
	for _, times := range [][]float64{{0.5, 0.4}, {-0.1}, {1.1}, {math.NaN()}} {
		for _, s := range []solver.Solver{&solver.Method{Tableau: solver.Euler(), Options: solver.Options{Steps: 3}}, plain{}} {
			_, err := solver.SolveAt(t.Context(), s, solver.Field[float64](decay{}), solver.State[float64]{X: []float64{1}, Rows: 1, Dim: 1}, 0, 1, times, make([]float64, len(times)))
			if err == nil {
				t.Errorf("%v are times on the way from 0 to 1", times)
			}
		}
	}
}

// plain is a solver without Dense.
type plain struct{ solver.Solver }

// TestStopsAtTimes: a solver that is not Dense stops at the times.
func TestStopsAtTimes(t *testing.T) {
	s := plain{&solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1e-10, Atol: 1e-10}}}
	times := []float64{0, 0.3, 0.3, 0.8, 2}
	at, x := make([]float64, 2*len(times)), []float64{1, 2}
	report, err := solver.SolveAt(t.Context(), s, solver.Field[float64](decay{}), solver.State[float64]{X: x, Rows: 2, Dim: 1}, 0, 3, times, at)
	if err != nil || report.Status[0] != solver.OK {
		t.Fatal(report, err)
	}
	for i, u := range append(times, 3) {
		got := append(at, x...)[2*i : 2*i+2]
		if math.Abs(got[0]-math.Exp(-u)) > 1e-9 || math.Abs(got[1]-2*math.Exp(-u)) > 1e-9 {
			t.Errorf("at %v: %v", u, got)
		}
	}
}

// TestInsideTheInterval: no method evaluates a field outside of the interval of a
// solve, in either direction, however its steps are chosen and whatever is asked for
// on the way: the field panics there. Steps that would overrun are the exception that
// is asked for.
func TestInsideTheInterval(t *testing.T) {
	karras, err := solver.Karras(9, 0.002, 80, 7)
	if err != nil {
		t.Fatal(err)
	}
	inside := func(lo, hi float64) rhs {
		return func(dx []float64, t float64, x []float64) {
			if !(lo <= t && t <= hi) {
				panic(fmt.Sprint("evaluated at ", t))
			}
			dx[0] = math.Sqrt(t-lo)*math.Sqrt(hi-t)*x[0] - x[0]*x[0]
		}
	}
	solve := func(b solver.Tableau, o solver.Options, f rhs, t0, t1 float64) (text string) {
		defer func() {
			if v := recover(); v != nil {
				text = fmt.Sprint(v)
			}
		}()
		m := &solver.Method{Tableau: b, Options: o}
		times := []float64{t0, t0 + (t1-t0)*1e-3, t0 + (t1-t0)/3, t0 + (t1-t0)*0.999999, t1}
		x, at := []float64{1, 0.3, 2}, make([]float64, 15)
		if _, err := m.SolveAt64(t.Context(), f, solver.State[float64]{X: x, Rows: 3, Dim: 1}, t0, t1, times, at); err != nil {
			return err.Error()
		}
		return ""
	}
	for _, b := range append(solver.Tableaus(), cashKarp()) {
		options := []solver.Options{{Steps: 1}, {Steps: 7}, {TimeGrid: solver.Cosine(9)}, {TimeGrid: karras}}
		if b.Adaptive() {
			for _, control := range []string{"row", "batch"} {
				for _, tol := range []float64{1e-2, 1e-6} {
					for _, c := range []solver.Controller{{}, {I: 1}, {I: 0.37, P: 0.23, D: 0.04}} {
						options = append(options, solver.Options{Rtol: tol, Atol: tol, Control: control, Controller: c})
					}
				}
			}
		}
		for _, o := range options {
			o.Workers = 1 // a panic comes from this goroutine
			for _, iv := range [][2]float64{{0, 1}, {1, 0}, {0.1, 0.7}, {2.0 / 3, -1.0 / 3}} {
				if text := solve(b, o, inside(min(iv[0], iv[1]), max(iv[0], iv[1])), iv[0], iv[1]); text != "" {
					t.Errorf("%s, %+v, from %v to %v: %s", b.Name, o, iv[0], iv[1], text)
				}
			}
		}
	}
	o := solver.Options{Rtol: 1e-5, Atol: 1e-5, Control: "batch", Overshoot: true}
	if text := solve(solver.Dopri5(), o, inside(0, 1), 0, 1); text == "" {
		t.Error("no step of a solve that may overrun does")
	}
}
