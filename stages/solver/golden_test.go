package solver_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/solver"
)

// gauss is the exact velocity from N(0, 1) to N(2, 0.5²) along the linear path,
// and its divergence.
type gauss struct{}

func (gauss) Eval(_ context.Context, dx []float64, t []float64, x []float64, rows int) error {
	d := len(x) / rows
	for i := range x {
		t := t[i/d]
		v := t*t/4 + (1-t)*(1-t)
		dx[i] = 2 + (t/4-(1-t))/v*(x[i]-2*t)
	}
	return nil
}

func (f gauss) EvalQuad(ctx context.Context, dx, dq []float64, t []float64, x []float64, _ []int64, rows int) error {
	for r := range rows {
		t := t[r]
		dq[r] = (t/4 - (1 - t)) / (t*t/4 + (1-t)*(1-t)) * float64(len(x)/rows)
	}
	return f.Eval(ctx, dx, t, x, rows)
}

// TestGolden compares runs of dopri5 with one step for the whole batch with those
// of a replica of torchdiffeq in float64, which runs past the end and interpolates.
// States are computed in another order of operations: 1e-14 of them, 1e-13 where
// the length of a step hangs on a small error, which is a difference (torchdiffeq
// itself moves by 1e-14 there when the divergence is written in another order).
func TestGolden(t *testing.T) {
	for _, c := range []struct {
		name          string
		f             solver.Field[float64]
		x             []float64
		quads         int
		clipped       bool
		rtol, atol    float64
		t0, t1, first float64
		nfe, acc, rej int32
		want          []float64
		far           float64 // the latest time at which the field is evaluated; 0 for not compared
	}{
		{"decay", decay{}, []float64{1, 2, 3}, 0, false, 1e-7, 1e-9, 0, 1, 0.015868217999014524, 50, 8, 0,
			[]float64{0.367879447802799, 0.735758895605597, 1.1036383434084}, 1.1327},
		{"decay, clipped", decay{}, []float64{1, 2, 3}, 0, true, 1e-7, 1e-9, 0, 1, 0.015868217999014524, 50, 8, 0,
			[]float64{0.367879454334308, 0.735758908668616, 1.10363836300292}, 1},
		{"decay, loose", decay{}, []float64{1, 2, 3}, 0, false, 1e-5, 1e-5, 0, 1, 0.043429068781386082, 26, 4, 0,
			[]float64{0.367880404706828, 2 * 0.367880404706828, 3 * 0.367880404706828}, 1.3553},
		{"gauss, loose", gauss{}, []float64{-1, .3, 1.7}, 0, false, 1e-5, 1e-5, 0, 1, 0.0387085385840008, 32, 4, 1,
			[]float64{1.50002831287876, 2.14999150613637, 2.8499518681061}, 1.0042},
		{"gauss", gauss{}, []float64{-1, .3, 1.7}, 0, false, 1e-7, 1e-9, 0, 1, 0.012265572697411582, 80, 10, 3,
			[]float64{1.50000007177846, 2.14999997846646, 2.84999987797664}, 1.0048},
		{"gauss, log-density", gauss{}, []float64{1.5, 2.15, 2.85}, 1, false, 1e-5, 1e-5, 1, 0, 0.031800806321542717, 32, 5, 0,
			[]float64{-0.725788262538015, -0.270779766195527, -1.6708059087878}, -0.136},
	} {
		// The batch is one row with three columns, and three rows with one.
		for _, rows := range []int{1, 3} {
			if c.quads > 0 && rows == 1 {
				continue
			}
			first, far := 0.0, c.t0
			m := &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{
				Rtol: c.rtol, Atol: c.atol, Control: "batch", Overshoot: !c.clipped,
				Observe: func(a solver.Attempt) {
					if a.T == c.t0 && first == 0 {
						first = math.Abs(a.H)
					}
					if end := a.T + a.H; (end > far) == (c.t1 > c.t0) {
						far = end
					}
				},
			}}
			x, q := slices.Clone(c.x), make([]float64, rows*c.quads)
			report, err := m.Solve64(t.Context(), c.f, solver.State[float64]{X: x, Q: q, Rows: rows, Dim: 3 / rows, Quads: c.quads}, c.t0, c.t1)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(first/c.first-1) > 1e-13 {
				t.Errorf("%s: first step %.17g, want %.17g", c.name, first, c.first)
			}
			if math.Abs(far-c.far) > 1e-3 {
				t.Errorf("%s: evaluated up to %v, want %v", c.name, far, c.far)
			}
			for r := range rows {
				if report.Evaluations[r] != c.nfe || report.Accepted[r] != c.acc || report.Rejected[r] != c.rej || report.Status[r] != solver.OK {
					t.Errorf("%s: %v after %d evaluations, %d + %d steps; want %d, %d + %d", c.name, report.Status[r],
						report.Evaluations[r], report.Accepted[r], report.Rejected[r], c.nfe, c.acc, c.rej)
				}
			}
			for r := range q { // log p0 and the integral of the divergence
				x[r] = -x[r]*x[r]/2 - 0.5*math.Log(2*math.Pi) + q[r]
			}
			tol := 1e-14
			if c.quads > 0 {
				tol = 1e-13
			}
			for i := range x {
				if math.Abs(x[i]-c.want[i]) > tol*(1+math.Abs(c.want[i])) {
					t.Errorf("%s: x[%d] = %.16g, want %.16g", c.name, i, x[i], c.want[i])
				}
			}
		}
	}
}

// TestFirstStep checks the branches of the choice of the first step that the
// golden runs do not take, by hand.
func TestFirstStep(t *testing.T) {
	constant := func(v float64) rhs { return func(dx []float64, _ float64, _ []float64) { dx[0] = v } }
	for _, c := range []struct {
		f       rhs
		x, want float64
	}{
		{constant(0), 1, 1e-6},                    // d1 = d2 = 0: h0 = h1 = 1e-6
		{constant(1e-12), 0, 1e-4},                // d0 = 0, d1 = 1e-7: h0 = 1e-6, h1 = 10
		{constant(1), 1, math.Pow(0.01/5e4, 0.2)}, // d0 = d1 = 5e4
		{constant(1e6), 1, 1e-6},                  // h0 = 1e-8, h1 = 3e-3
		{func(dx []float64, t float64, _ []float64) { // the probe at 0.01 is not finite: h1 = h0 / 1000
			dx[0] = 1
			if t > 0.009 && t < 0.011 {
				dx[0] = math.NaN()
			}
		}, 1, 1e-5},
	} {
		first := 0.0
		m := &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1e-5, Atol: 1e-5, Observe: func(a solver.Attempt) {
			if a.T == 0 && first == 0 {
				first = a.H
			}
		}}}
		x := []float64{c.x}
		if _, err := m.Solve64(t.Context(), c.f, solver.State[float64]{X: x, Rows: 1, Dim: 1}, 0, 1); err != nil {
			t.Fatal(err)
		}
		if math.Abs(first/c.want-1) > 1e-12 {
			t.Errorf("first step %v, want %v", first, c.want)
		}
	}
}
