package solver_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// noisy is dx = a x dt + (b + c x) dW with noise by address: Ornstein and
// Uhlenbeck's process with c = 0, geometric Brownian motion with b = 0.
type noisy struct {
	a, b, c float64
	key     random.Key
}

func (f noisy) Eval(_ context.Context, dx, _, x []float64, _ int) error {
	for i := range x {
		dx[i] = f.a * x[i]
	}
	return nil
}

func (f noisy) Noise(_ context.Context, dw []float64, t, end float64, step int, x []float64, id []int64, rows int) error {
	d := len(x) / rows
	root := math.Sqrt(math.Abs(end - t))
	for r := range rows {
		f.key.Normals64(dw[r*d:(r+1)*d], uint64(id[r]), uint32(step))
	}
	for i := range dw {
		dw[i] *= root * (f.b + f.c*x[i])
	}
	return nil
}

func (f noisy) solve(t *testing.T, b solver.Tableau, steps, rows int, o solver.Options) []float64 {
	t.Helper()
	x := make([]float64, rows)
	for i := range x {
		x[i] = 1
	}
	o.Steps, o.Stochastic = steps, true
	m := &solver.Method{Tableau: b, Options: o}
	if _, err := m.Solve64(t.Context(), f, solver.State[float64]{X: x, Rows: rows, Dim: 1}, 0, 1); err != nil {
		t.Fatal(err)
	}
	return x
}

// increments of row r.
func (f noisy) increments(r, steps int) []float64 {
	dw, z := make([]float64, steps), []float64{0}
	for i := range dw {
		f.key.Normals64(z, uint64(r), uint32(i))
		dw[i] = z[0] * math.Sqrt(1/float64(steps))
	}
	return dw
}

// TestStrongOrder: the error along each path, against closed forms. Geometric
// Brownian motion is x(1) = exp(a - c²/2 + c W(1)): order 1/2. For the process of
// Ornstein and Uhlenbeck x(1) = e^a + b ∫ e^(a (1-s)) dW, whose mean given the
// increments is known, and what is left is of variance b² sum (∫e² - (∫e)²/h):
// order 1, as the noise is additive; and the drift of heun is better.
func TestStrongOrder(t *testing.T) {
	const rows = 2000
	strong := func(f noisy, b solver.Tableau, steps int) float64 {
		x := f.solve(t, b, steps, rows, solver.Options{})
		h, sum, rest := 1/float64(steps), 0.0, 0.0
		for r := range rows {
			want, w := math.Exp(f.a), 0.0
			rest = 0
			for i, dw := range f.increments(r, steps) {
				lo, hi := 1-float64(i)*h, 1-float64(i+1)*h
				first := (math.Exp(f.a*lo) - math.Exp(f.a*hi)) / f.a
				second := (math.Exp(2*f.a*lo) - math.Exp(2*f.a*hi)) / (2 * f.a)
				want += f.b * dw * first / h
				rest += f.b * f.b * (second - first*first/h)
				w += dw
			}
			if f.c != 0 {
				want, rest = math.Exp(f.a-f.c*f.c/2+f.c*w), 0
			}
			sum += (x[r]-want)*(x[r]-want) + rest
		}
		return math.Sqrt(sum / rows)
	}
	for _, c := range []struct {
		name  string
		f     noisy
		b     solver.Tableau
		order float64
	}{
		{"geometric", noisy{a: 0.3, c: 1, key: 1}, solver.Euler(), 0.5},
		{"additive", noisy{a: -2, b: 1, key: 2}, solver.Euler(), 1},
		{"additive, heun", noisy{a: -2, b: 1, key: 2}, solver.Heun(), 1},
	} {
		if slope := math.Log2(strong(c.f, c.b, 64)/strong(c.f, c.b, 256)) / 2; math.Abs(slope-c.order) > 0.08 {
			t.Errorf("%s: strong order %.3f, want %v", c.name, slope, c.order)
		}
	}
	ou := noisy{a: -2, b: 1, key: 2}
	if e, h := strong(ou, solver.Euler(), 64), strong(ou, solver.Heun(), 64); h > 0.6*e {
		t.Errorf("heun has error %v, euler %v", h, e)
	}
}

// TestWeakOrder: the error of means, against closed forms, is of order 1; and mean
// and variance of a number of steps of the process of Ornstein and Uhlenbeck, which
// are closed too, lie within four standard errors.
func TestWeakOrder(t *testing.T) {
	const rows = 100000
	moments := func(x []float64) (mean, variance float64) {
		for _, v := range x {
			mean += v / float64(len(x))
		}
		for _, v := range x {
			variance += (v - mean) * (v - mean) / float64(len(x))
		}
		return mean, variance
	}
	bias := func(steps int) (bias, se float64) {
		f := noisy{a: 1, c: 0.2, key: 3}
		mean, variance := moments(f.solve(t, solver.Euler(), steps, rows, solver.Options{}))
		return math.E - mean, math.Sqrt(variance / rows)
	}
	b8, se := bias(8)
	b16, _ := bias(16)
	// The slope's own error is that of both means, relative to them; what is left to
	// 1 is the next term of (1 + h)^(1/h).
	if slope, within := math.Log2(b8/b16), 0.1+4*se/b16; math.Abs(slope-1) > within || b16 < 10*se {
		t.Errorf("weak order %.3f, want 1 within %.3f", slope, within)
	}
	const steps, a, b = 10, -1.5, 0.8
	mean, variance := moments(noisy{a: a, b: b, key: 4}.solve(t, solver.Euler(), steps, rows, solver.Options{}))
	h, wantMean, wantVariance := 1.0/steps, 1.0, 0.0
	for range steps {
		wantMean *= 1 + a*h
		wantVariance = (1+a*h)*(1+a*h)*wantVariance + b*b*h
	}
	if math.Abs(mean-wantMean) > 4*math.Sqrt(wantVariance/rows) || math.Abs(variance-wantVariance) > 4*wantVariance*math.Sqrt(2.0/rows) {
		t.Errorf("mean %v and variance %v, want %v and %v", mean, variance, wantMean, wantVariance)
	}
}

// TestStochasticSameBits: noise belongs to rows and steps, not to tiles and workers,
// and states on the way leave the end as it is.
func TestStochasticSameBits(t *testing.T) {
	f := noisy{a: -1, b: 0.5, c: 0.3, key: 5}
	want := f.solve(t, solver.Euler(), 9, 300, solver.Options{Workers: 1})
	for _, o := range []solver.Options{{Workers: 3, Tile: 7}, {Workers: 2, Tile: 1}, {Workers: 1, Tile: 1000}} {
		if !slices.Equal(f.solve(t, solver.Euler(), 9, 300, o), want) {
			t.Errorf("%+v: other bits", o)
		}
	}
	m := &solver.Method{Tableau: solver.Euler(), Options: solver.Options{Steps: 9, Stochastic: true}}
	x, at, times := []float64{1, 1}, make([]float64, 8), []float64{1.0 / 9, 1.5 / 9, 2.0 / 9, 1}
	if _, err := m.SolveAt64(t.Context(), f, solver.State[float64]{X: x, Rows: 2, Dim: 1, FirstID: 100}, 0, 1, times, at); err != nil {
		t.Fatal(err)
	}
	if x[0] != want[100] || !slices.Equal(at[6:], x) || math.Abs(at[2]-(at[0]+at[4])/2) > 1e-15 || at[0] == at[4] {
		t.Errorf("%v on the way to %v, which is %v", at, x, want[100:102])
	}
	// Without noise it is the method itself.
	quiet := noisy{a: -1, key: 5}.solve(t, solver.Heun(), 9, 3, solver.Options{})
	y := []float64{1}
	plain := &solver.Method{Tableau: solver.Heun(), Options: solver.Options{Steps: 9}}
	if _, err := plain.Solve64(t.Context(), noisy{a: -1}, solver.State[float64]{X: y, Rows: 1, Dim: 1}, 0, 1); err != nil || y[0] != quiet[0] {
		t.Errorf("no noise leads to %v, the method to %v, %v", quiet[0], y[0], err)
	}
}

// TestStochasticRefuses: methods that cannot add noise, and fields that have none.
func TestStochasticRefuses(t *testing.T) {
	for _, m := range []*solver.Method{
		{Tableau: solver.RK4(), Options: solver.Options{Steps: 3, Stochastic: true}},
		{Tableau: solver.Midpoint(), Options: solver.Options{Steps: 3, Stochastic: true}},
		{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1e-3, Stochastic: true}},
	} {
		if m.Check() == nil {
			t.Errorf("%s adds noise", m.Tableau.Name)
		}
	}
	defer func() {
		if v := fmt.Sprint(recover()); v != "solver: noise of a field that has none" {
			t.Error(v)
		}
	}()
	m := &solver.Method{Tableau: solver.Euler(), Options: solver.Options{Steps: 3, Stochastic: true}}
	_, _ = m.Solve64(t.Context(), decay{}, solver.State[float64]{X: []float64{1}, Rows: 1, Dim: 1}, 0, 1)
}
