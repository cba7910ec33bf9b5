package solver_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"testing"

	"github.com/pathline/pathline/stages/solver"
)

// swing is a field of two columns and three parameters with two integrands, in
// either width, and its derivatives by hand:
//
//	v0 = sin(p0 x1 + t)   v1 = p1 x0 cos(x1)   q0 = p2 x0 x1   q1 = v0²
type swing[T solver.Float] struct {
	p    [3]float64
	grad [3]float64
	seen int // rows that were pulled back with parameters

	evals, quads int // calls of Eval, and of those by EvalQuad
}

func (f *swing[T]) Eval(_ context.Context, dx []T, t []float64, x []T, rows int) error {
	f.evals++
	for r := range rows {
		a, b := float64(x[2*r]), float64(x[2*r+1])
		dx[2*r], dx[2*r+1] = T(math.Sin(f.p[0]*b+t[r])), T(f.p[1]*a*math.Cos(b))
	}
	return nil
}

func (f *swing[T]) EvalQuad(ctx context.Context, dx []T, dq, t []float64, x []T, _ []int64, rows int) error {
	f.quads++
	for r := range rows {
		a, b := float64(x[2*r]), float64(x[2*r+1])
		v := math.Sin(f.p[0]*b + t[r])
		dq[2*r], dq[2*r+1] = f.p[2]*a*b, v*v
	}
	return f.Eval(ctx, dx, t, x, rows)
}

func (f *swing[T]) Pull(ctx context.Context, p solver.Pull[T], parameters bool) error {
	for r := range p.Rows {
		a, b, t := float64(p.X[2*r]), float64(p.X[2*r+1]), p.T[r]
		s, c := math.Sincos(f.p[0]*b + t)
		// The cotangent of v0 with that of q1 in it.
		v0 := float64(p.VBar[2*r]) + 2*s*p.QBar[2*r+1]
		v1, q0 := float64(p.VBar[2*r+1]), p.QBar[2*r]
		p.XBar[2*r] = T(v1*f.p[1]*math.Cos(b) + q0*f.p[2]*b)
		p.XBar[2*r+1] = T(v0*c*f.p[0] - v1*f.p[1]*a*math.Sin(b) + q0*f.p[2]*a)
		if parameters {
			f.grad[0] += v0 * c * b
			f.grad[1] += v1 * a * math.Cos(b)
			f.grad[2] += q0 * a * b
			f.seen++
		}
	}
	return f.EvalQuad(ctx, p.V, p.Q, p.T, p.X, p.ID, p.Rows)
}

// gradient is what has a solve and goes back along it.
type gradient[T solver.Float] interface {
	Record(ctx context.Context, f solver.Quadrature[T], s solver.State[T]) error
	Back(ctx context.Context, f solver.Pullback[T], xbar []T, qbar []float64) error
}

// swung are the rows of a test, those with different needs of steps among them.
func swung[T solver.Float](rows int) (x []T, xbar []T, qbar []float64) {
	for r := range rows {
		s := float64(r)
		x = append(x, T(2*math.Sin(1+3*s)), T((1+s/3)*math.Cos(2*s)))
		xbar = append(xbar, T(math.Cos(s)), T(1+math.Sin(5*s)))
		qbar = append(qbar, 0.3-0.1*s, math.Sin(s+2))
	}
	return x, xbar, qbar
}

// loss is xbar x(t1) + qbar q(t1), summed over rows.
func loss(t *testing.T, m *solver.Method, f *swing[float64], x, xbar, qbar []float64) (sum float64) {
	t.Helper()
	s := solver.State[float64]{X: append([]float64(nil), x...), Q: make([]float64, len(qbar)), Rows: len(x) / 2, Dim: 2, Quads: 2}
	if _, err := m.Solve64(context.Background(), f, s, 1, 0); err != nil {
		t.Fatal(err)
	}
	for i := range x {
		sum += xbar[i]*s.X[i] + qbar[i]*s.Q[i]
	}
	return sum
}

// result is what a gradient gives.
type result[T solver.Float] struct {
	x, xbar []T
	q       []float64
	p       [3]float64
}

func backAlong[T solver.Float](t *testing.T, g gradient[T], f *swing[T], x, xbar []T, qbar []float64, first int64) result[T] {
	t.Helper()
	out := result[T]{x: append([]T(nil), x...), xbar: append([]T(nil), xbar...), q: make([]float64, len(qbar))}
	f.grad = [3]float64{}
	s := solver.State[T]{X: out.x, Q: out.q, Rows: len(x) / 2, Dim: 2, Quads: 2, FirstID: first}
	if err := g.Record(context.Background(), f, s); err != nil {
		t.Fatal(err)
	}
	if err := g.Back(context.Background(), f, out.xbar, qbar); err != nil {
		t.Fatal(err)
	}
	out.p = f.grad
	return out
}

func tape[T solver.Float](t *testing.T, b solver.Tableau, o solver.Options) *solver.Tape[T] {
	t.Helper()
	tp, err := solver.NewTape[T](&solver.Method{Tableau: b, Options: o}, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	return tp
}

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*(1+math.Abs(want))) {
		t.Errorf("%s is %.12g, want %.12g", what, got, want)
	}
}

// TestTapeIsTheDerivative: the gradient through fixed steps is the limit of
// differences of the solve itself, for every method and however few steps.
func TestTapeIsTheDerivative(t *testing.T) {
	const rows, h = 3, 1e-5
	x, xbar, qbar := swung[float64](rows)
	for _, b := range solver.Tableaus() {
		for name, o := range map[string]solver.Options{"steps": {Steps: 7}, "grid": {TimeGrid: []float64{0.1, 0.15, 0.6}}} {
			t.Run(b.Name+" "+name, func(t *testing.T) {
				m := &solver.Method{Tableau: b, Options: o}
				f := &swing[float64]{p: [3]float64{1.3, -0.8, 0.5}}
				got := backAlong(t, tape[float64](t, b, o), f, x, xbar, qbar, 0)
				for i := range x {
					at := x[i]
					x[i] = at + h
					up := loss(t, m, f, x, xbar, qbar)
					x[i] = at - h
					near(t, "a derivative for x", got.xbar[i], (up-loss(t, m, f, x, xbar, qbar))/(2*h), 1e-8)
					x[i] = at
				}
				for i := range f.p {
					at := f.p[i]
					f.p[i] = at + h
					up := loss(t, m, f, x, xbar, qbar)
					f.p[i] = at - h
					near(t, "a derivative for a parameter", got.p[i], (up-loss(t, m, f, x, xbar, qbar))/(2*h), 1e-8)
					f.p[i] = at
				}
				want := solver.State[float64]{X: append([]float64(nil), x...), Q: make([]float64, 2*rows), Rows: rows, Dim: 2, Quads: 2}
				if _, err := m.Solve64(context.Background(), f, want, 1, 0); err != nil {
					t.Fatal(err)
				}
				for i := range x {
					if got.x[i] != want.X[i] {
						t.Errorf("the end is %v, that of the solve %v", got.x[i], want.X[i])
					}
					near(t, "an integral", got.q[i], want.Q[i], 1e-14)
				}
			})
		}
	}
}

// TestTapeReplays: the gradient through adaptive steps is that through the steps
// which each row accepted, taken as a grid of its own; and its rows have the bits
// that they have alone.
func TestTapeReplays(t *testing.T) {
	const rows = 9
	x, xbar, qbar := swung[float64](rows)
	for _, b := range solver.Tableaus() {
		if !b.Adaptive() {
			continue
		}
		t.Run(b.Name, func(t *testing.T) {
			f := &swing[float64]{p: [3]float64{1.3, -0.8, 0.5}}
			o := solver.Options{Rtol: 1e-6, Atol: 1e-6}
			all := backAlong(t, tape[float64](t, b, o), f, x, xbar, qbar, 40)
			var sum [3]float64
			steps := map[int]bool{}
			for r := range rows {
				var grid []float64
				watched := o
				watched.Observe = func(a solver.Attempt) {
					if a.Accepted {
						grid = append([]float64{a.T}, grid...)
					}
				}
				x, xbar, qbar := x[2*r:2*r+2], xbar[2*r:2*r+2], qbar[2*r:2*r+2]
				alone := backAlong(t, tape[float64](t, b, watched), f, x, xbar, qbar, 40+int64(r))
				steps[len(grid)] = true
				fixed := backAlong(t, tape[float64](t, b, solver.Options{TimeGrid: grid}), f, x, xbar, qbar, 0)
				for i := range 2 {
					if all.xbar[2*r+i] != alone.xbar[i] || all.x[2*r+i] != alone.x[i] || all.q[2*r+i] != alone.q[i] {
						t.Errorf("row %d depends on the others", r)
					}
					near(t, "a derivative for x", alone.xbar[i], fixed.xbar[i], 1e-12)
					near(t, "an integral", alone.q[i], fixed.q[i], 1e-12)
				}
				for i := range sum {
					near(t, "a derivative for a parameter", alone.p[i], fixed.p[i], 1e-12)
					sum[i] += alone.p[i]
				}
			}
			for i := range sum {
				near(t, "a derivative for a parameter", all.p[i], sum[i], 1e-12)
			}
			if len(steps) < 2 {
				t.Error("all rows take as many steps: the test says little")
			}
		})
	}
}

// TestTapeRemembers: where the slopes of all steps are few, the way there is gone again
// without an evaluation; where they are not, with the same bits.
func TestTapeRemembers(t *testing.T) {
	x, xbar, qbar := swung[float32](17)
	o := solver.Options{Rtol: 1e-6, Atol: 1e-6}
	run := func(times int) (out result[float32], alone int) {
		var xs, xbars []float32
		var qbars []float64
		for range times {
			xs, xbars, qbars = append(xs, x...), append(xbars, xbar...), append(qbars, qbar...)
		}
		f := &swing[float32]{p: [3]float64{1.3, -0.8, 0.5}}
		out = backAlong(t, tape[float32](t, solver.Dopri5(), o), f, xs, xbars, qbars, 0)
		return out, f.evals - f.quads
	}
	few, alone := run(1)
	if alone != 0 {
		t.Errorf("%d evaluations although all slopes are known", alone)
	}
	many, alone := run(150)
	if alone == 0 {
		t.Error("the slopes of 2,550 rows are kept")
	}
	for i := range many.x {
		k := i % len(x)
		if many.x[i] != few.x[k] || many.xbar[i] != few.xbar[k] || many.q[i] != few.q[k] {
			t.Fatalf("row %d has other bits when its slopes are evaluated again", i/2)
		}
	}
}

// TestTapeKeeps: however few steps are held at a time, every bit is the same.
func TestTapeKeeps(t *testing.T) {
	x, xbar, qbar := swung[float32](17)
	f := &swing[float32]{p: [3]float64{1.3, -0.8, 0.5}}
	for _, o := range []solver.Options{{Steps: 23}, {Rtol: 1e-6, Atol: 1e-6}} {
		whole := tape[float32](t, solver.Dopri5(), o)
		whole.Keep = 1000
		want := backAlong(t, whole, f, x, xbar, qbar, 0)
		for keep := range 24 {
			tp := tape[float32](t, solver.Dopri5(), o)
			tp.Keep = keep
			for range 2 { // with memory that has been used
				got := backAlong(t, tp, f, x, xbar, qbar, 0)
				for i := range x {
					if got.x[i] != want.x[i] || got.xbar[i] != want.xbar[i] || got.q[i] != want.q[i] {
						t.Fatalf("%d steps held: row %d differs", keep, i/2)
					}
				}
				if got.p != want.p {
					t.Fatalf("%d steps held: the parameters' derivatives are %v, not %v", keep, got.p, want.p)
				}
			}
		}
	}
}

// TestAdjointApproaches: the gradient by a second solve comes to that through the
// solver as both tolerances fall, and a fixed way back as its steps become many.
func TestAdjointApproaches(t *testing.T) {
	x, xbar, qbar := swung[float64](5)
	f := &swing[float64]{p: [3]float64{1.3, -0.8, 0.5}}
	away := func(there, back solver.Options) float64 {
		m, way := &solver.Method{Tableau: solver.Dopri5(), Options: there}, &solver.Method{Tableau: solver.Dopri5(), Options: back}
		a, err := solver.NewAdjoint[float64](m, way, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		backAlong(t, a, f, x, xbar, qbar, 3) // with memory that has been used
		got := backAlong(t, a, f, x, xbar, qbar, 3)
		want := backAlong(t, tape[float64](t, solver.Dopri5(), there), f, x, xbar, qbar, 3)
		var most float64
		for i := range x {
			most = max(most, math.Abs(got.xbar[i]-want.xbar[i]))
			if got.x[i] != want.x[i] {
				t.Errorf("the end is %v, not %v", got.x[i], want.x[i])
			}
			near(t, "an integral", got.q[i], want.q[i], 1e-12)
		}
		for i := range got.p {
			most = max(most, math.Abs(got.p[i]-want.p[i]))
		}
		return most
	}
	for _, tol := range []float64{1e-3, 1e-5, 1e-7, 1e-9, 1e-11} {
		o := solver.Options{Rtol: tol, Atol: tol}
		d := away(o, o)
		t.Logf("tolerance %v: %.2e from the gradient through the solver", tol, d)
		if !(d <= 30*tol) { // errors of some ten steps, forwards and back
			t.Errorf("tolerance %v: %v away from the gradient through the solver", tol, d)
		}
	}
	few, many := away(solver.Options{Steps: 10}, solver.Options{Steps: 10}), away(solver.Options{Steps: 40}, solver.Options{Steps: 40})
	if !(many < few/200) { // of order 5
		t.Errorf("%v away with 10 steps, %v with 40", few, many)
	}
	// Its own tolerance is that of the way back.
	if loose := away(solver.Options{Rtol: 1e-11, Atol: 1e-11}, solver.Options{Rtol: 1e-3, Atol: 1e-3}); !(loose > 1e-7) {
		t.Errorf("a loose way back is only %v away", loose)
	}
}

// TestGradientErrors: what has no gradient says so.
func TestGradientErrors(t *testing.T) {
	if _, err := solver.NewTape[float64](&solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1e-3, Control: "batch"}}, 1, 0); err == nil {
		t.Error("one step for all rows is taken")
	}
	if _, err := solver.NewTape[float64](&solver.Method{Tableau: solver.RK4(), Options: solver.Options{Steps: 10, MaxEvaluations: 39}}, 1, 0); err == nil {
		t.Error("more evaluations than the budget has are taken")
	}
	x, _, qbar := swung[float64](3)
	f := &swing[float64]{p: [3]float64{40, 9, 1}}
	s := solver.State[float64]{X: x, Q: qbar, Rows: 3, Dim: 2, Quads: 2, FirstID: 70}
	err := tape[float64](t, solver.Dopri5(), solver.Options{Rtol: 1e-9, Atol: 1e-9, MaxEvaluations: 30}).Record(context.Background(), f, s)
	var row *solver.RowError
	if !errors.As(err, &row) || row.Row < 70 || row.Row > 72 || row.Status != solver.MaxEvaluations {
		t.Errorf("a row that does not arrive: %v", err)
	}
}

// TestGradientsAllocateNothing, once warm.
func TestGradientsAllocateNothing(t *testing.T) {
	x, xbar, qbar := swung[float32](12)
	f := &swing[float32]{p: [3]float64{1.3, -0.8, 0.5}}
	adaptive := solver.Options{Rtol: 1e-5, Atol: 1e-5}
	m := &solver.Method{Tableau: solver.Dopri5(), Options: adaptive}
	adjoint, err := solver.NewAdjoint[float32](m, m, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, g := range map[string]gradient[float32]{
		"fixed": tape[float32](t, solver.RK4(), solver.Options{Steps: 50}), "adaptive": tape[float32](t, solver.Dopri5(), adaptive), "adjoint": adjoint,
	} {
		at, bar, q := make([]float32, len(x)), make([]float32, len(x)), make([]float64, len(qbar))
		n := testing.AllocsPerRun(5, func() {
			copy(at, x)
			copy(bar, xbar)
			s := solver.State[float32]{X: at, Q: q, Rows: 12, Dim: 2, Quads: 2}
			if err := g.Record(context.Background(), f, s); err != nil {
				t.Fatal(err)
			}
			if err := g.Back(context.Background(), f, bar, qbar); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// TestTapeMemory: what is held grows with the square root of the steps: those of a
// segment, and the states at the begins of the others, sqrt(steps stages) of each.
func TestTapeMemory(t *testing.T) {
	const rows, d = 64, 2
	x, xbar, qbar := swung[float32](rows)
	f := &swing[float32]{p: [3]float64{1.3, -0.8, 0.5}}
	held := func(steps int) float64 {
		var before, after runtime.MemStats
		tp := tape[float32](t, solver.RK4(), solver.Options{Steps: steps})
		runtime.GC()
		runtime.GC() // pools are emptied in two
		runtime.ReadMemStats(&before)
		backAlong(t, tp, f, x, xbar, qbar, 0)
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(tp)
		return float64(after.HeapAlloc) - float64(before.HeapAlloc)
	}
	few := held(10)
	for _, steps := range []int{1000, 4000} {
		states := 2 * math.Sqrt(float64(steps*4)) * rows * d * 4
		many := held(steps)
		t.Logf("10 steps: %.0f bytes; %d steps: %.0f, of which states are %.0f", few, steps, many, states)
		if many > few+1.1*states {
			t.Errorf("%d steps hold %v bytes, 10 steps %v and the states %v", steps, many, few, states)
		}
	}
}

// held is swing on rows with a column behind, which is held.
type held struct{ swing[float64] }

func (f *held) Eval(ctx context.Context, dx []float64, t []float64, x []float64, rows int) error {
	return f.EvalQuad(ctx, dx, make([]float64, 2*rows), t, x, nil, rows)
}

func (f *held) EvalQuad(ctx context.Context, dx []float64, dq, t []float64, x []float64, _ []int64, rows int) error {
	two := make([]float64, 2*rows)
	if err := f.swing.EvalQuad(ctx, two, dq, t, first(x, rows), nil, rows); err != nil {
		return err
	}
	spread(dx, two, rows)
	return nil
}

func (f *held) Pull(ctx context.Context, p solver.Pull[float64], parameters bool) error {
	in := p
	in.X, in.VBar = first(p.X, p.Rows), first(p.VBar, p.Rows)
	in.V, in.XBar = make([]float64, 2*p.Rows), make([]float64, 2*p.Rows)
	if err := f.swing.Pull(ctx, in, parameters); err != nil {
		return err
	}
	spread(p.V, in.V, p.Rows)
	spread(p.XBar, in.XBar, p.Rows)
	return nil
}

// first are the first two columns of three, spread puts them back with a zero.
func first(x []float64, rows int) (two []float64) {
	for r := range rows {
		two = append(two, x[3*r], x[3*r+1])
	}
	return two
}

func spread(x, two []float64, rows int) {
	for r := range rows {
		x[3*r], x[3*r+1], x[3*r+2] = two[2*r], two[2*r+1], 0
	}
}

// TestGradientsHold: a column that is held changes no bit of a gradient.
func TestGradientsHold(t *testing.T) {
	const rows = 7
	x, xbar, qbar := swung[float64](rows)
	adaptive, fixed := solver.Options{Rtol: 1e-5, Atol: 1e-5}, solver.Options{Steps: 9}
	for _, o := range []solver.Options{adaptive, fixed} {
		m := &solver.Method{Tableau: solver.Dopri5(), Options: o}
		for name, begin := range map[string]func() gradient[float64]{
			"tape": func() gradient[float64] { return tape[float64](t, m.Tableau, o) },
			"adjoint": func() gradient[float64] {
				a, err := solver.NewAdjoint[float64](m, m, 1, 0)
				if err != nil {
					t.Fatal(err)
				}
				return a
			},
		} {
			f := &swing[float64]{p: [3]float64{1.3, -0.8, 0.5}}
			want := backAlong(t, begin(), f, x, xbar, qbar, 0)
			h := &held{swing[float64]{p: f.p}}
			wide, bar := widened(x, 1e6), widened(xbar, 0)
			s := solver.State[float64]{X: wide, Q: make([]float64, 2*rows), Rows: rows, Dim: 3, Held: 1, Quads: 2}
			g := begin()
			if err := g.Record(context.Background(), h, s); err != nil {
				t.Fatal(err)
			}
			if err := g.Back(context.Background(), h, bar, qbar); err != nil {
				t.Fatal(err)
			}
			for i, v := range first(bar, rows) {
				if v != want.xbar[i] || first(wide, rows)[i] != want.x[i] || s.Q[i] != want.q[i] {
					t.Fatalf("%s: a held column changes row %d", name, i/2)
				}
			}
			if h.grad != want.p {
				t.Errorf("%s: a held column changes the parameters' derivatives", name)
			}
		}
	}
}

func widened(two []float64, third float64) (x []float64) {
	for r := range len(two) / 2 {
		x = append(x, two[2*r], two[2*r+1], third)
	}
	return x
}
