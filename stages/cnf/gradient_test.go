package cnf_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/pathline/pathline/stages/autodiff"
	"github.com/pathline/pathline/stages/cnf"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

var ctx = context.Background()

// network is a small network of two columns, and a number of held ones, with
// weights that make it move.
func network(t testing.TB, held int, hidden ...int) model.Network {
	t.Helper()
	m, err := model.NewMLP(model.MLPConfig{Hidden: hidden, Activation: "tanh", Time: model.TimeConfig{Use: "concat"}})
	if err != nil {
		t.Fatal(err)
	}
	n, err := model.Build(m, 2, held)
	if err != nil {
		t.Fatal(err)
	}
	n.Init(random.Key(4))
	for _, w := range n.Tensors() {
		for i := range w.Data {
			w.Data[i] *= 2
		}
	}
	n.Changed(nil)
	return n
}

// double is its float64 form, whose weights can be written.
type double interface {
	model.Reversible[float64]
	Weights() [][]float64
}

func doubled(t testing.TB, n model.Network) double {
	t.Helper()
	f, err := n.(model.Doubled).Float64()
	if err != nil {
		t.Fatal(err)
	}
	return f.(double)
}

func steps(b solver.Tableau, n int) *solver.Method {
	return &solver.Method{Tableau: b, Options: solver.Options{Steps: n}}
}

func adaptive(tol float64) *solver.Method {
	return &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: tol, Atol: tol}}
}

// precise is as exact as float64 allows.
func precise() *solver.Method {
	return &solver.Method{Tableau: solver.Dop853(), Options: solver.Options{Rtol: 1e-11, Atol: 1e-11}}
}

// points are rows of width columns; row r is the same whatever rows there are.
func points[T solver.Float](rows, width int) []T {
	var x []T
	for r := range rows {
		z := make([]float64, width)
		random.Key(9).Normals64(z, uint64(r), 0)
		for _, v := range z {
			x = append(x, T(math.Round(256*v)/256))
		}
	}
	return x
}

func zeros[T solver.Float](f model.Reversible[T]) (g [][]T) {
	for _, n := range f.Parameters() {
		g = append(g, make([]T, n))
	}
	return g
}

// add is one gradient.
func add[T solver.Float](t testing.TB, f model.Reversible[T], l cnf.Loss, x []T, weight []float32, first int64) (grad [][]T, loss []float64, s cnf.Sums) {
	t.Helper()
	g, err := cnf.New(f, l)
	if err != nil {
		t.Fatal(err)
	}
	rows := len(x) / f.Dim()
	grad, loss = zeros(f), make([]float64, rows)
	if s, err = g.Add(ctx, grad, loss, x, weight, first, rows); err != nil {
		t.Fatal(err)
	}
	return grad, loss, s
}

var base = flow.Normal{Dim: 2, Std: 1.3}

// losses are those of every kind.
func losses() map[string]cnf.Loss {
	all := map[string]cnf.Loss{}
	for name, m := range map[string]*solver.Method{"rk4": steps(solver.RK4(), 6), "heun": steps(solver.Heun(), 3), "grid": {Tableau: solver.Dopri5(), Options: solver.Options{TimeGrid: []float64{0.2, 0.7}}}} {
		all[name+" exact"] = cnf.Loss{Base: base, Solver: m}
		all[name+" probes"] = cnf.Loss{Base: base, Solver: m, Probes: 2, Key: 5}
		all[name+" regular"] = cnf.Loss{Base: base, Solver: m, Kinetic: 0.3, Jacobian: 0.2}
		all[name+" regular probes"] = cnf.Loss{Base: base, Solver: m, Probes: 1, Gaussian: true, Key: 6, Kinetic: 0.3, Jacobian: 0.2}
	}
	// Differences hold no steps fixed: they see the solution, as exact as the tolerance.
	all["adaptive exact"] = cnf.Loss{Base: base, Solver: precise()}
	all["adaptive regular probes"] = cnf.Loss{Base: base, Solver: precise(), Probes: 2, Key: 5, Kinetic: 0.3, Jacobian: 0.2}
	all["adjoint"] = cnf.Loss{Base: base, Solver: precise(), Adjoint: precise()}
	all["adjoint regular probes"] = cnf.Loss{Base: base, Solver: precise(), Adjoint: precise(), Probes: 2, Key: 5, Kinetic: 0.3, Jacobian: 0.2}
	return all
}

// TestGradientIsTheDerivative: in float64 every gradient is the limit of differences
// of its loss, to 1e-5 of its size.
func TestGradientIsTheDerivative(t *testing.T) {
	const h = 1e-4
	weight := []float32{1, 0.5, 2}
	for name, l := range losses() {
		for held := range 2 {
			if held > 0 && !strings.HasSuffix(name, "regular probes") {
				continue
			}
			n := network(t, held, 5, 4, 5)
			f := doubled(t, n)
			x := points[float64](3, 2+held)
			grad, _, _ := add(t, f, l, x, weight, 11)
			total := func() (sum float64) {
				_, loss, _ := add(t, f, l, x, weight, 11)
				for r, v := range loss {
					sum += float64(weight[r]) * v
				}
				return sum
			}
			var largest float64
			for _, g := range grad {
				for _, v := range g {
					largest = max(largest, math.Abs(v))
				}
			}
			for i, w := range f.Weights() {
				for j := 0; j < len(w); j += 1 + len(w)/2 {
					at := w[j]
					w[j] = at + h
					up := total()
					w[j] = at - h
					want := (up - total()) / (2 * h)
					w[j] = at
					if d := math.Abs(grad[i][j] - want); !(d <= 1e-5*math.Abs(want)+1e-7*largest) {
						t.Errorf("%s, %d held: the derivative for %s[%d] is %.9g, differences say %.9g", name, held, n.Tensors()[i].Name, j, grad[i][j], want)
					}
				}
			}
		}
	}
}

// TestClosedForm: v = A x with A = diag(a) has
//
//	-log p(x) = -log p0(e^-a x) + sum a   and   ∫ |v|²/2 = sum a x² (1 - e^-2a) / 4,   |∂v/∂x|² = sum a².
func TestClosedForm(t *testing.T) {
	n, err := model.NewNetwork(2, func(g *autodiff.Graph, x, _ autodiff.Value) autodiff.Value {
		return g.Mul(x, g.Param("a", autodiff.Init{}, 2))
	})
	if err != nil {
		t.Fatal(err)
	}
	a := []float64{0.8, -0.5}
	n.Tensors()[0].Data[0], n.Tensors()[0].Data[1] = 0.8, -0.5
	n.Changed(nil)
	f := doubled(t, n)
	copy(f.Weights()[0], a)
	x := points[float64](5, 2)
	for name, l := range map[string]cnf.Loss{
		"steps": {Solver: steps(solver.RK4(), 100)}, "adaptive": {Solver: adaptive(1e-9)}, "adjoint": {Solver: adaptive(1e-9), Adjoint: adaptive(1e-9)},
		"signs": {Solver: adaptive(1e-9), Probes: 1}, // exact: A is diagonal
	} {
		l.Base, l.Kinetic, l.Jacobian = base, 0.4, 0.1
		grad, loss, sums := add(t, model.Reversible[float64](f), l, x, nil, 0)
		var total, nll, kinetic float64
		slope := make([]float64, 2)
		for r := range 5 {
			want := 0.0
			for i, a := range a {
				x := x[2*r+i]
				z, e := x*math.Exp(-a), math.Exp(-2*a)
				want += z*z/(2*1.3*1.3) + math.Log(1.3) + math.Log(2*math.Pi)/2 + a
				nll += z*z/(2*1.3*1.3) + math.Log(1.3) + math.Log(2*math.Pi)/2 + a
				kinetic += a * x * x * (1 - e) / 4
				want += 0.4*a*x*x*(1-e)/4 + 0.1*a*a
				slope[i] += -z*z/(1.3*1.3) + 1 + 0.4*x*x*((1-e)+2*a*e)/4 + 0.2*a
			}
			total += want
			if math.Abs(loss[r]-want) > 1e-7 {
				t.Errorf("%s: the loss of row %d is %.9f, want %.9f", name, r, loss[r], want)
			}
		}
		for i, want := range []float64{total, nll, kinetic, 5 * (0.8*0.8 + 0.25)} {
			if got := []float64{sums.Loss, sums.NLL, sums.Kinetic, sums.Jacobian}[i]; math.Abs(got-want) > 1e-6 {
				t.Errorf("%s: sum %d is %.9f, want %.9f", name, i, got, want)
			}
		}
		for i, want := range slope {
			if math.Abs(grad[0][i]-want) > 1e-6 {
				t.Errorf("%s: the derivative for a[%d] is %.9f, want %.9f", name, i, grad[0][i], want)
			}
		}
	}
}

// TestAdjointApproaches the gradient through the solver as both tolerances fall.
func TestAdjointApproaches(t *testing.T) {
	f := doubled(t, network(t, 0, 8, 8, 8))
	x := points[float64](8, 2)
	size := func(a [][]float64, b [][]float64) float64 {
		var s float64
		for i := range a {
			for j := range a[i] {
				d := a[i][j]
				if b != nil {
					d -= b[i][j]
				}
				s += d * d
			}
		}
		return math.Sqrt(s)
	}
	for _, tol := range []float64{1e-2, 1e-4, 1e-6, 1e-8, 1e-10} {
		l := cnf.Loss{Base: base, Solver: adaptive(tol)}
		through, _, _ := add(t, model.Reversible[float64](f), l, x, nil, 0)
		l.Adjoint = adaptive(tol)
		adjoint, _, _ := add(t, model.Reversible[float64](f), l, x, nil, 0)
		away := size(through, adjoint) / size(through, nil)
		t.Logf("tolerance %.0e: the adjoint is %.1e of the gradient's length away", tol, away)
		if !(away <= 10*tol) {
			t.Errorf("tolerance %v: %v of the gradient's length away", tol, away)
		}
	}
}

// TestProbesAreUnbiased: losses and gradients of many draws of the probes scatter
// around those of the exact trace.
func TestProbesAreUnbiased(t *testing.T) {
	const draws, rows = 600, 2
	f := doubled(t, network(t, 0, 6, 5, 6))
	x := points[float64](rows, 2)
	l := cnf.Loss{Base: base, Solver: steps(solver.Midpoint(), 3), Kinetic: 0.3, Jacobian: 0.5}
	want, _, sums := add(t, model.Reversible[float64](f), l, x, nil, 0)
	for _, gaussian := range []bool{false, true} {
		l.Probes, l.Gaussian, l.Key = 1, gaussian, 77
		g, err := cnf.New[float64](f, l)
		if err != nil {
			t.Fatal(err)
		}
		n := len(want[0])
		mean, square := make([]float64, n+1), make([]float64, n+1)
		for i := range draws { // each draw has rows of its own numbers
			grad := zeros[float64](f)
			s, err := g.Add(ctx, grad, nil, x, nil, int64(i*rows), rows)
			if err != nil {
				t.Fatal(err)
			}
			for j, v := range append(grad[0], s.Loss) {
				mean[j] += v / draws
				square[j] += v * v / draws
			}
		}
		off := 0
		for j, want := range append(append([]float64(nil), want[0]...), sums.Loss) {
			se := math.Sqrt(max(square[j]-mean[j]*mean[j], 0) / draws)
			if se == 0 {
				t.Fatalf("number %d is the same for all draws", j)
			}
			if z := (mean[j] - want) / se; math.Abs(z) > 4.5 {
				t.Errorf("gaussian %v: number %d is %v ± %v, exact %v", gaussian, j, mean[j], se, want)
			} else if math.Abs(z) > 2.5 {
				off++
			}
		}
		if off > 3 { // of 19; one in eighty is by chance
			t.Errorf("gaussian %v: %d numbers are more than 2.5 standard errors away", gaussian, off)
		}
	}
}

// TestSameBits: what belongs to a row has the same bits in any company; a gradient has
// them however few steps are held, and each time.
func TestSameBits(t *testing.T) {
	const rows = 21
	f := network(t, 1, 8, 8).(model.Reversible[float32])
	x := points[float32](rows, 3)
	for name, l := range map[string]cnf.Loss{
		"fixed":    {Solver: steps(solver.RK4(), 12), Probes: 2, Key: 3, Kinetic: 1},
		"adaptive": {Solver: adaptive(1e-4), Probes: 1, Gaussian: true, Key: 3},
		"adjoint":  {Solver: adaptive(1e-4), Adjoint: adaptive(1e-3), Jacobian: 1},
	} {
		l.Base = base
		grad, loss, _ := add(t, f, l, x, nil, 100)
		for r := range rows {
			if _, one, _ := add(t, f, l, x[3*r:3*r+3], nil, 100+int64(r)); one[0] != loss[r] {
				t.Fatalf("%s: the loss of row %d is %v, alone %v", name, r, loss[r], one[0])
			}
		}
		for keep := range 6 {
			l.Keep = keep
			again, _, _ := add(t, f, l, x, nil, 100)
			for i := range grad {
				for j := range grad[i] {
					if math.Float32bits(again[i][j]) != math.Float32bits(grad[i][j]) {
						t.Fatalf("%s, %d steps held: weight %d of tensor %d differs", name, keep, j, i)
					}
				}
			}
		}
	}
}

// TestWidths: float32 is float64, but for its rounding.
func TestWidths(t *testing.T) {
	const rows = 30
	n := network(t, 0, 16, 16, 16)
	for name, l := range losses() {
		if l.Solver.Adaptive() {
			continue // other steps
		}
		want, loss64, _ := add(t, model.Reversible[float64](doubled(t, n)), l, points[float64](rows, 2), nil, 0)
		got, loss32, _ := add(t, n.(model.Reversible[float32]), l, points[float32](rows, 2), nil, 0)
		for r := range loss64 {
			if math.Abs(loss64[r]-loss32[r]) > 2e-5*(1+math.Abs(loss64[r])) {
				t.Errorf("%s: the loss of row %d is %v and %v", name, r, loss64[r], loss32[r])
			}
		}
		var size, away float64
		for i := range want {
			for j, v := range want[i] {
				size += v * v
				away += (v - float64(got[i][j])) * (v - float64(got[i][j]))
			}
		}
		if !(math.Sqrt(away/size) < 1e-5) {
			t.Errorf("%s: the gradients are %v of their length apart", name, math.Sqrt(away/size))
		}
	}
}

// TestErrors: what cannot be computed says so.
func TestErrors(t *testing.T) {
	f := network(t, 0, 8).(model.Reversible[float32])
	for name, l := range map[string]cnf.Loss{
		"no base":     {Solver: adaptive(1)},
		"no solver":   {Base: base},
		"coefficient": {Base: base, Solver: adaptive(1), Kinetic: -1},
		"batch":       {Base: base, Solver: &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1, Control: "batch"}}},
		"adjoint":     {Base: base, Solver: adaptive(1), Adjoint: &solver.Method{Tableau: solver.RK4()}},
	} {
		if _, err := cnf.New(f, l); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	m := adaptive(1e-6)
	m.Options.MaxEvaluations = 20
	g, err := cnf.New(f, cnf.Loss{Base: base, Solver: m})
	if err != nil {
		t.Fatal(err)
	}
	var row *solver.RowError
	if _, err := g.Add(ctx, zeros(f), nil, points[float32](4, 2), nil, 30, 4); !errors.As(err, &row) || row.Row < 30 || row.Row > 33 {
		t.Errorf("a row that does not arrive: %v", err)
	}
}

// TestAllocations: a warm gradient allocates nothing.
func TestAllocations(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties pools
	if raceEnabled {
		t.Skip("sync.Pool drops memory at random under the race detector")
	}
	const rows = 40
	f := network(t, 0, 8, 8).(model.Reversible[float32])
	x, grad := points[float32](rows, 2), zeros(f)
	for name, l := range map[string]cnf.Loss{
		"fixed":    {Solver: steps(solver.RK4(), 12), Probes: 2, Kinetic: 1},
		"adaptive": {Solver: adaptive(1e-4)},
		"adjoint":  {Solver: adaptive(1e-4), Adjoint: adaptive(1e-4), Probes: 1},
	} {
		l.Base = base
		g, err := cnf.New(f, l)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(3, func() {
			if _, err := g.Add(ctx, grad, nil, x, nil, 0, rows); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// TestMemory: a gradient through 1,000 steps takes less than twice the memory of one
// through 10 and the states of its checkpoints.
func TestMemory(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // pools are of a processor
	const rows, stages = 64, 4
	x := points[float32](rows, 2)
	taken := func(n int) float64 {
		var before, after runtime.MemStats
		f := network(t, 0, 64, 64, 64).(model.Reversible[float32])
		g, err := cnf.New(f, cnf.Loss{Base: base, Solver: steps(solver.RK4(), n)})
		if err != nil {
			t.Fatal(err)
		}
		grad := zeros(f)
		if _, err := g.Add(ctx, grad, nil, x[:2], nil, 0, 1); err != nil { // programs are compiled
			t.Fatal(err)
		}
		runtime.ReadMemStats(&before)
		if _, err := g.Add(ctx, grad, nil, x, nil, 0, rows); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return float64(after.TotalAlloc - before.TotalAlloc) // all of it: nothing is let go
	}
	few, many := taken(10), taken(1000)
	checkpoints := math.Sqrt(1000*stages) * rows * 2 * 4
	t.Logf("10 steps take %.0f bytes, 1,000 steps %.0f, of which %.0f are the states of checkpoints", few, many, checkpoints)
	if many > 2*few+checkpoints {
		t.Errorf("1,000 steps take %.0f bytes, 10 steps %.0f, the checkpoints %.0f", many, few, checkpoints)
	}
}
