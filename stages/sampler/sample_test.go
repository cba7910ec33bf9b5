package sampler_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/likelihood"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/sampler"
	"github.com/pathline/pathline/stages/solver"
	"github.com/pathline/pathline/stages/transform"
)

var ctx = context.Background()

func dopri5(tol float64, o solver.Options) *solver.Method {
	o.Rtol, o.Atol = tol, tol
	return &solver.Method{Tableau: solver.Dopri5(), Options: o}
}

// gaussian is the exact model of N(m, s² I) on the straight path.
func gaussian(t testing.TB, m []float64, s float64) *model.GMM {
	t.Helper()
	g, err := model.NewGMM(model.GMMConfig{Means: [][]float64{m}, Std: []float64{s}}, path.CondOT{})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func exactFlow(t testing.TB, g model.Exact) *flow.Flow {
	t.Helper()
	f, err := flow.Open(flow.Source{Exact: g}, flow.Registry{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// network is a float32 flow of a small random network behind a transform.
func network(t testing.TB) *flow.Flow {
	t.Helper()
	d, n := trained(t)
	f, err := flow.New(d, nil, flow.Registry{Paths: path.Builtin(), Other: func(flow.Component, int, []model.Tensor) (model.Field[float32], error) { return n, nil }})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func trained(t testing.TB) (flow.Description, model.Network) {
	t.Helper()
	m, err := model.NewMLP(model.MLPConfig{Hidden: []int{8, 8}, Activation: "tanh", Time: model.TimeConfig{Use: "concat"}})
	if err != nil {
		t.Fatal(err)
	}
	n, err := m.Build(3)
	if err != nil {
		t.Fatal(err)
	}
	n.Init(random.Key(4))
	s, err := transform.NewStandardize([]float64{10, 0, -5}, []float64{3, 1, 0.5})
	if err != nil {
		t.Fatal(err)
	}
	return flow.Description{Version: 1, Dim: 3, Target: flow.TargetVelocity, BaseStd: 1,
		Columns: []schemas.Column{{Name: "count", Type: "int16"}, {Name: "pair", Type: "float32", Width: 2}},
		Path:    flow.Component{Use: "condot"}, Model: flow.Component{Use: "mlp", With: m.Config()},
		Transforms: []schemas.Transform{{Use: "standardize", State: s.State()}}}, n
}

// The flow map of definitions.md 4.4 on the straight path is x(1) = m + s x0:
// every row is known.
func TestClosedForm(t *testing.T) {
	const rows = 200
	m, s := []float64{2, -1}, 0.5
	f := exactFlow(t, gaussian(t, m, s))
	key := random.NewKey(7, "samples", "base")
	x0, x := make([]float64, 2*rows), make([]float64, 2*rows)
	f.Base.Sample(x0, key, 50, rows)
	report, err := sampler.Sample(ctx, f, dopri5(1e-9, solver.Options{}), x, key, 50, rows)
	if err != nil {
		t.Fatal(err)
	}
	for i := range x {
		if want := m[i%2] + s*x0[i]; math.Abs(x[i]-want) > 1e-7 || report.Status[i/2] != solver.OK {
			t.Fatalf("row %d: %v, want %v (%s)", i/2, x[i], want, report.Status[i/2])
		}
	}
}

// A row has the same bits in any batch, tile and number of workers.
func TestSameBits(t *testing.T) {
	const rows = 120
	for name, f := range map[string]*flow.Flow{"network": network(t), "exact": exactFlow(t, gaussian(t, []float64{1, 2}, 0.3))} {
		d := f.Dim()
		want := make([]float64, rows*d)
		if _, err := sampler.Sample(ctx, f, dopri5(1e-5, solver.Options{Workers: 1}), want, 11, 0, rows); err != nil {
			t.Fatal(err)
		}
		for _, o := range []solver.Options{{Workers: 3, Tile: 7}, {Workers: 2, Tile: 1}} {
			for _, batch := range []int{rows, 50, 7} {
				got := make([]float64, rows*d)
				for r := 0; r < rows; r += batch {
					n := min(batch, rows-r)
					if _, err := sampler.Sample(ctx, f, dopri5(1e-5, o), got[r*d:], 11, int64(r), n); err != nil {
						t.Fatal(err)
					}
				}
				for i := range want {
					if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
						t.Fatalf("%s, batches of %d, %+v: row %d has %v, not %v", name, batch, o, i/d, got[i], want[i])
					}
				}
			}
		}
	}
}

// Samples have the density that the likelihood gives them: log p(x) is log p0(x0)
// - log|det dx/dx0|, with the Jacobian from differences of the sampler.
func TestDensityOfSamples(t *testing.T) {
	const rows, h = 12, 1e-3
	d, n := trained(t)
	f := network(t)
	wide, err := flow.New(d, nil, flow.Registry{Paths: path.Builtin(), Other: func(flow.Component, int, []model.Tensor) (model.Field[float32], error) { return n, nil }})
	if err != nil {
		t.Fatal(err)
	}
	s := dopri5(1e-8, solver.Options{})
	x, logp := make([]float64, 3*rows), make([]float64, rows)
	if _, err := sampler.Sample(ctx, f, s, x, 5, 0, rows); err != nil {
		t.Fatal(err)
	}
	if _, err := likelihood.LogProb(ctx, f, s, logp, nil, x, 0, rows, likelihood.Trace{}); err != nil {
		t.Fatal(err)
	}
	x0, logp0 := make([]float64, 3*rows), make([]float64, rows)
	f.Base.Sample(x0, 5, 0, rows)
	f.Base.LogProb(logp0, x0, rows)
	var columns [3][2][]float64
	for c := range 3 {
		for side := range 2 {
			wide.Base = moved{f.Base, c, h * float64(2*side-1)}
			columns[c][side] = make([]float64, 3*rows)
			if _, err := sampler.Sample(ctx, wide, s, columns[c][side], 5, 0, rows); err != nil {
				t.Fatal(err)
			}
		}
	}
	for r := range rows {
		var j [3][3]float64
		for c := range 3 {
			for i := range 3 {
				j[i][c] = (columns[c][1][3*r+i] - columns[c][0][3*r+i]) / (2 * h)
			}
		}
		det := j[0][0]*(j[1][1]*j[2][2]-j[1][2]*j[2][1]) - j[0][1]*(j[1][0]*j[2][2]-j[1][2]*j[2][0]) + j[0][2]*(j[1][0]*j[2][1]-j[1][1]*j[2][0])
		if want := logp0[r] - math.Log(math.Abs(det)); math.Abs(logp[r]-want) > 3e-3 {
			t.Errorf("row %d: log p = %v, by differences %v", r, logp[r], want)
		}
	}
}

// moved is a base whose draws are shifted in one column.
type moved struct {
	model.Base
	column int
	by     float64
}

func (m moved) Sample(x []float64, key random.Key, first int64, rows int) {
	m.Base.Sample(x, key, first, rows)
	for i := m.column; i < len(x); i += 3 {
		x[i] += m.by
	}
}

func TestTrajectory(t *testing.T) {
	const rows = 9
	m, s := []float64{2, -1}, 0.5
	f := exactFlow(t, gaussian(t, m, s))
	x0 := make([]float64, 2*rows)
	f.Base.Sample(x0, 3, 0, rows)
	for _, times := range [][]float64{{0, 0.25, 1}, {0.5}, {0.1, 0.9}} {
		tr, err := sampler.Trajectory(ctx, f, dopri5(1e-9, solver.Options{}), 3, 0, rows, times, nil)
		if err != nil {
			t.Fatal(err)
		}
		for r := range rows {
			if len(tr.Values[r]) != len(times) || tr.Status[r] != "ok" {
				t.Fatalf("row %d has %d states, %s", r, len(tr.Values[r]), tr.Status[r])
			}
			for k, u := range times {
				for c := range 2 { // x_t = t m + sqrt(t² s² + (1-t)²) x0
					want := u*m[c] + math.Sqrt(u*u*s*s+(1-u)*(1-u))*x0[2*r+c]
					if got := tr.Values[r][k][c]; math.Abs(got-want) > 1e-6 {
						t.Fatalf("row %d at %v: %v, want %v", r, u, got, want)
					}
				}
			}
		}
		if fmt.Sprint(tr.Columns) != "[x1 x2]" {
			t.Errorf("columns %v", tr.Columns)
		}
	}
	tr, err := sampler.Trajectory(ctx, network(t), dopri5(1e-5, solver.Options{}), 3, 0, 2, []float64{0, 1}, nil)
	if err != nil || fmt.Sprint(tr.Columns) != "[count pair[0] pair[1]]" {
		t.Fatalf("%+v, %v", tr, err)
	}
	if v := tr.Values[0][0][0]; math.Abs(v-10) > 15 || v == 0 {
		t.Errorf("noise is not taken to data space: %v", v)
	}
}

// Following rows changes none of them: at t = 1 they have the bits of the sample,
// wherever the times before are.
func TestTrajectoryEndsAsTheSample(t *testing.T) {
	const rows = 40
	for name, f := range map[string]*flow.Flow{"network": network(t), "exact": exactFlow(t, gaussian(t, []float64{1, 2}, 0.3))} {
		for _, s := range []solver.Solver{dopri5(1e-4, solver.Options{}), &solver.Method{Tableau: solver.Heun(), Options: solver.Options{Steps: 7}}} {
			d := f.Dim()
			want := make([]float64, rows*d)
			if _, err := sampler.Sample(ctx, f, s, want, 11, 3, rows); err != nil {
				t.Fatal(err)
			}
			tr, err := sampler.Trajectory(ctx, f, s, 11, 3, rows, []float64{0.01, 0.3, 0.5, 0.999, 1}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for r := range rows {
				for c, v := range tr.Values[r][4] {
					if math.Float64bits(v) != math.Float64bits(want[r*d+c]) {
						t.Fatalf("%s: row %d ends at %v, followed at %v", name, r, want[r*d+c], v)
					}
				}
			}
		}
	}
}

func Example() {
	g, err := model.NewGMM(model.GMMConfig{Means: [][]float64{{3}}, Std: []float64{0.1}}, path.CondOT{})
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := flow.Open(flow.Source{Exact: g}, flow.Registry{})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1e-6, Atol: 1e-6}}
	x := make([]float64, 3)
	report, err := sampler.Sample(context.Background(), f, s, x, random.NewKey(7, "samples", "base"), 0, 3)
	if err != nil {
		fmt.Println(err)
		return
	}
	for r, v := range x {
		fmt.Println(report.Status[r], math.Round(v))
	}
	// Output:
	// ok 3
	// ok 3
	// ok 3
}
