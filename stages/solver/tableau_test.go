package solver_test

import (
	"context"
	"math"
	"testing"

	"github.com/pathline/pathline/stages/solver"
	"github.com/pathline/pathline/stages/solver/solvertest"
)

func TestTableaus(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range solver.Tableaus() {
		t.Run(b.Name, func(t *testing.T) {
			solvertest.Tableau(t, b)
			if seen[b.Name] {
				t.Error("the name is taken")
			}
			seen[b.Name] = true
			if got, ok := solver.ByName(b.Name); !ok || got.Name != b.Name {
				t.Error("not found by its name")
			}
		})
	}
	if _, ok := solver.ByName("euler "); ok {
		t.Error("found what is not there")
	}
}

func TestDopri5ErrorRowIsTwoThirdsOfTheClassicOne(t *testing.T) {
	b := solver.Dopri5()
	classic := []float64{5179.0 / 57600, 0, 7571.0 / 16695, 393.0 / 640, -92097.0 / 339200, 187.0 / 2100, 1.0 / 40}
	for i, e := range b.BErr {
		if want := 2.0 / 3 * (b.B[i] - classic[i]); math.Abs(e-want) > 1e-16 {
			t.Errorf("stage %d: %v, want %v", i, e, want)
		}
	}
}

func TestFSAL(t *testing.T) {
	for _, b := range solver.Tableaus() {
		if b.FSAL() != b.Adaptive() { // true of the methods here
			t.Errorf("%s: FSAL %v", b.Name, b.FSAL())
		}
	}
}

func TestTableauCheck(t *testing.T) {
	for name, spoil := range map[string]func(*solver.Tableau){
		"no stages":   func(b *solver.Tableau) { *b = solver.Tableau{} },
		"weights":     func(b *solver.Tableau) { b.B = b.B[:2] },
		"rows":        func(b *solver.Tableau) { b.A = b.A[:2] },
		"row":         func(b *solver.Tableau) { b.A[2] = b.A[2][:1] },
		"error row":   func(b *solver.Tableau) { b.BErr = b.BErr[:1] },
		"second row":  func(b *solver.Tableau) { b.BErr3 = b.BErr[:1] },
		"order":       func(b *solver.Tableau) { b.Order = 0 },
		"start":       func(b *solver.Tableau) { b.C[0] = 0.5 },
		"past end":    func(b *solver.Tableau) { b.C[2] = 1.5 },
		"not finite":  func(b *solver.Tableau) { b.A[1][0] = math.NaN() },
		"before step": func(b *solver.Tableau) { b.C[2] = -0.5 },
	} {
		b := solver.Bosh3()
		if b.Check() != nil {
			t.Fatal("bosh3 is wrong")
		}
		if spoil(&b); b.Check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// vanDerPol is y1' = y2, y2' = (1 - y1²) y2 - y1.
type vanDerPol struct{}

func (vanDerPol) Eval(_ context.Context, dx []float64, _ []float64, x []float64, rows int) error {
	for r := range rows {
		a, b := x[2*r], x[2*r+1]
		dx[2*r], dx[2*r+1] = b, (1-a*a)*b-a
	}
	return nil
}

// TestObservedOrder compares the errors at t = 1 and their slopes with figures
// computed independently.
func TestObservedOrder(t *testing.T) {
	want := map[string]struct{ err, slope float64 }{
		"euler": {1.903e-3, 0.99}, "midpoint": {2.854e-5, 2.04}, "heun": {1.020e-5, 2.09}, "ralston": {2.242e-5, 2.04},
		"heun3": {2.056e-7, 3.05}, "kutta3": {2.018e-7, 3.01}, "bosh3": {1.785e-7, 3.04},
		"rk4": {1.921e-9, 4.05}, "rk4-38": {1.725e-9, 4.07},
	}
	for _, b := range solver.Tableaus() {
		at := func(steps int) float64 {
			x := []float64{2, 0}
			m := &solver.Method{Tableau: b, Options: solver.Options{Steps: steps}}
			if _, err := m.Solve64(t.Context(), vanDerPol{}, solver.State[float64]{X: x, Rows: 1, Dim: 2}, 0, 1); err != nil {
				t.Fatal(err)
			}
			return max(math.Abs(x[0]-1.5081442369756089432), math.Abs(x[1]+0.78021807462969490624))
		}
		n := 80
		if b.Order > 4 { // else rounding is all that is left
			n = 20
		}
		if b.Order > 5 {
			n = 6
		}
		err, slope := at(n), math.Log2(at(n/2)/at(n))
		if math.Abs(slope-float64(b.Order)) > 0.15 && b.Order < 5 || slope < float64(b.Order)-0.3 || slope > float64(b.Order)+2 {
			t.Errorf("%s: observed order %.2f", b.Name, slope)
		}
		if w, ok := want[b.Name]; ok && (math.Abs(err/w.err-1) > 1e-3 || math.Abs(slope-w.slope) > 0.006) {
			t.Errorf("%s: error %.4g and slope %.3f, want %g and %g", b.Name, err, slope, w.err, w.slope)
		}
	}
}
