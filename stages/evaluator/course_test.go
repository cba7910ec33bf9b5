package evaluator

import (
	"context"
	"math"
	"testing"

	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// shiftFlow is the exact flow from N(0, I) to N(m, s² I) on the straight path.
func shiftFlow(t *testing.T, m []float64, s float64) *flow.Flow {
	t.Helper()
	g, err := model.NewGMM(model.GMMConfig{Means: [][]float64{m}, Std: []float64{s}}, path.CondOT{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := flow.Open(flow.Source{Exact: g}, flow.Registry{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func precise(workers int) solver.Solver {
	return &solver.Method{Tableau: solver.Dop853(), Options: solver.Options{Rtol: 1e-10, Atol: 1e-10, Workers: workers}}
}

func course(t *testing.T, f *flow.Flow, s solver.Solver, x0 []float64) *Course {
	t.Helper()
	c, err := Follow(context.Background(), f, s, x0, len(x0)/f.Dim())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// To N(m, I) a row goes x_t = t m + x0 sqrt(t² + (1-t)²), so that int |v - m|² dt =
// (2 - pi/2) |x0|² and |x_1 - x_0|² = |m|², for every row.
func TestCourseOfARow(t *testing.T) {
	m := []float64{1, -2, 0.5}
	x0 := normals(1, 50, 3, same)
	c := course(t, shiftFlow(t, m, 1), precise(2), x0)
	const far = 1 + 4 + 0.25
	for r := range 50 {
		square := 0.0
		for _, v := range x0[3*r : 3*r+3] {
			square += v * v
		}
		bend := (2 - math.Pi/2) * square
		if math.Abs(c.Bend[r]-bend) > 1e-8 || math.Abs(c.Distance[r]-far) > 1e-8 || math.Abs(c.Energy[r]-bend-far) > 1e-8 {
			t.Fatalf("row %d: %v, %v, %v, want %v, %v and their sum", r, c.Energy[r], c.Bend[r], c.Distance[r], bend, far)
		}
	}
}

// Between N(0, I) and N(m, s² I), in d dimensions, PE = |m|² + d (1 + s² - s pi/2), S
// = d s (2 - pi/2), W2² = |m|² + d (s - 1)².
func TestPathEnergyOfGaussians(t *testing.T) {
	m, s := []float64{1.5, -1}, 0.6
	const d, far = 2.0, 2.25 + 1
	f := shiftFlow(t, m, s)
	x0 := make([]float64, 2*3000)
	f.Base.Sample(x0, random.NewKey(1, "test", "base"), 0, 3000)
	var tally Tally
	tally.Add(course(t, f, precise(2), x0))
	y := normals(77, 1500, 2, func(j int, z float64) float64 { return m[j] + s*z })
	square, se, err := Wasserstein2(context.Background(), x0[:3000], y, 1500, 2)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Metric{}
	for _, v := range tally.Metrics(&Transport{square, se, 1500}) {
		got[v.Name] = v
	}
	energy, optimal := far+d*(1+s*s-s*math.Pi/2), far+d*(s-1)*(s-1)
	near(t, "path energy", got["path_energy"], energy, 0)
	near(t, "straightness", got["straightness"], d*s*(2-math.Pi/2), 0)
	near(t, "transport cost", got["transport_cost"], optimal, 0)
	near(t, "W2²", got["wasserstein_2_squared"], optimal, 0.02)
	near(t, "normalized path energy", got["normalized_path_energy"], energy/optimal-1, 0)
	for name, v := range got {
		if name != "evaluations" && (v.SE <= 0 || v.SE > max(v.Value/5, 0.05)) {
			t.Errorf("%s: %+v leaves nothing to test", name, v)
		}
	}
}

// The integrals are sums with the method's own weights, so that energy = bend +
// distance holds for a few steps of any method as it holds for the exact flow; a
// network of float32 loses what float32 loses.
func TestEnergyIsBendAndDistance(t *testing.T) {
	def, err := model.NewMLP(model.MLPConfig{Hidden: []int{16, 16}, Activation: "tanh", Time: model.TimeConfig{Use: "concat"}})
	if err != nil {
		t.Fatal(err)
	}
	n, err := def.Build(2)
	if err != nil {
		t.Fatal(err)
	}
	n.Init(random.NewKey(1, "test", "init"))
	for _, w := range n.Tensors() {
		for i := range w.Data {
			w.Data[i] *= 3
		}
	}
	n.Changed(nil)
	d := flow.Description{Version: flow.FormatVersion, Dim: 2, Target: flow.TargetVelocity, BaseStd: 1}
	trained := &flow.Flow{Description: d, Base: flow.Normal{Dim: 2, Std: 1}, Field32: n}
	x0 := normals(5, 300, 2, same)
	for name, f := range map[string]*flow.Flow{"float64": shiftFlow(t, []float64{1, 3}, 0.2), "float32": trained} {
		tol := map[string]float64{"float64": 1e-12, "float32": 1e-5}[name]
		for _, tableau := range []solver.Tableau{solver.Euler(), solver.RK4()} {
			c := course(t, f, &solver.Method{Tableau: tableau, Options: solver.Options{Steps: 3}}, x0)
			for r := range 300 {
				if c.Bend[r] < 1e-5 || math.Abs(c.Energy[r]-c.Bend[r]-c.Distance[r]) > tol*c.Energy[r] {
					t.Fatalf("%s, %s, row %d: %v is not %v and %v", name, tableau.Name, r, c.Energy[r], c.Bend[r], c.Distance[r])
				}
				if want := int32(3 * tableau.Stages()); c.Report.Evaluations[r] != want {
					t.Fatalf("%d evaluations, want %d", c.Report.Evaluations[r], want)
				}
			}
		}
	}
}

// A figure of a row depends on the row alone, and the evaluations are those of a
// solve without integrals.
func TestCourseDoesNotDependOnWorkersAndBatches(t *testing.T) {
	f, x0 := shiftFlow(t, []float64{1, 3}, 0.2), normals(5, 300, 2, same)
	want := course(t, f, precise(1), x0)
	state := solver.State[float64]{X: append([]float64(nil), x0...), Rows: 300, Dim: 2}
	plain, err := precise(1).Solve64(context.Background(), f.Field64, state, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{300, 77, 1} {
		for lo := 0; lo < 300; lo += size {
			hi := min(lo+size, 300)
			c := course(t, f, precise(3), x0[2*lo:2*hi])
			for r := range hi - lo {
				if c.Energy[r] != want.Energy[lo+r] || c.Bend[r] != want.Bend[lo+r] || c.Distance[r] != want.Distance[lo+r] || c.Report.Evaluations[r] != plain.Evaluations[lo+r] {
					t.Fatalf("batches of %d: row %d differs", size, lo+r)
				}
			}
		}
	}
}

// A row that fails counts for its evaluations and for nothing else.
func TestRowsThatFail(t *testing.T) {
	f, x0 := shiftFlow(t, []float64{4}, 0.01), normals(5, 40, 1, same)
	c := course(t, f, &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1e-9, Atol: 1e-9, MaxEvaluations: 60}}, x0)
	var tally Tally
	tally.Add(c)
	if len(tally.energy) != 0 || len(tally.evaluations) != 40 || !math.IsNaN(c.Energy[0]) {
		t.Errorf("%d rows arrived, the first with the energy %v", len(tally.energy), c.Energy[0])
	}
}

func TestEvaluations(t *testing.T) {
	e := (&Tally{evaluations: []int32{9, 3, 5, 5, 7, 3, 5, 11}}).Evaluations()
	if e.Min != 3 || e.Lower != 3 || e.Median != 5 || e.Upper != 7 || e.Max != 11 || len(e.Counts) != 5 || e.Counts[1] != [2]int{5, 3} {
		t.Errorf("%+v", e)
	}
	if e := (&Tally{evaluations: []int32{4}}).Evaluations(); e.Min != 4 || e.Lower != 4 || e.Upper != 4 || e.Max != 4 {
		t.Errorf("one row: %+v", e)
	}
}
