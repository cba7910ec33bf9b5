package main

import (
	"context"
	"math"
	"testing"

	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/solver"
)

// The ends of a path are noise and data, and the derivatives are those of the
// functions.
func TestSmoothstep(t *testing.T) {
	const n, h = 99, 1e-6
	for _, v := range []float64{0, 0.3, 1} {
		p := Smoothstep{v}
		ends := make([]path.Coef, 2)
		if err := p.Coefficients(ends, []float64{0, 1}); err != nil {
			t.Fatal(err)
		}
		if ends[0].Alpha != 0 || ends[0].Sigma != 1 || ends[1].Alpha != 1 || ends[1].Sigma != 0 {
			t.Errorf("variance %v: the ends are %+v", v, ends)
		}
		for i := 1; i < n; i++ {
			at := float64(i) / n
			c := make([]path.Coef, 3)
			if err := p.Coefficients(c, []float64{at - h, at, at + h}); err != nil {
				t.Fatal(err)
			}
			if d := (c[2].Alpha - c[0].Alpha) / (2 * h); math.Abs(d-c[1].DAlpha) > 1e-8 {
				t.Errorf("variance %v, t = %v: dalpha is %v, not %v", v, at, c[1].DAlpha, d)
			}
			if d := (c[2].Sigma - c[0].Sigma) / (2 * h); math.Abs(d-c[1].DSigma) > 1e-8 {
				t.Errorf("variance %v, t = %v: dsigma is %v, not %v", v, at, c[1].DSigma, d)
			}
		}
	}
}

// decay is dx/dt = -x with the integral of x.
type decay struct{}

func (decay) Eval(_ context.Context, dx []float64, _ []float64, x []float64, _ int) error {
	for i := range x {
		dx[i] = -x[i]
	}
	return nil
}

func (d decay) EvalQuad(ctx context.Context, dx []float64, dq []float64, t []float64, x []float64, _ []int64, rows int) error {
	copy(dq, x)
	return d.Eval(ctx, dx, t, x, rows)
}

// Halving the step quarters the error: the method is of second order, for the
// state and for integrals.
func TestOrderOfAB2(t *testing.T) {
	errors := func(steps int) (x, q float64) {
		s := solver.State[float64]{X: []float64{1}, Q: []float64{0}, Rows: 1, Dim: 1, Quads: 1}
		report, err := AB2{steps}.Solve64(t.Context(), decay{}, s, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		if report.Evaluations[0] != int32(steps)+1 {
			t.Errorf("%d steps took %d evaluations", steps, report.Evaluations[0])
		}
		return math.Abs(s.X[0] - math.Exp(-1)), math.Abs(s.Q[0] - (1 - math.Exp(-1)))
	}
	x1, q1 := errors(100)
	x2, q2 := errors(200)
	if ox, oq := math.Log2(x1/x2), math.Log2(q1/q2); math.Abs(ox-2) > 0.1 || math.Abs(oq-2) > 0.1 {
		t.Errorf("observed orders are %.2f and %.2f", ox, oq)
	}
}
