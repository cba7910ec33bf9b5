package likelihood_test

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
	"github.com/pathline/pathline/stages/solver"
	"github.com/pathline/pathline/stages/transform"
)

var ctx = context.Background()

func dopri5(tol float64, o solver.Options) *solver.Method {
	o.Rtol, o.Atol = tol, tol
	return &solver.Method{Tableau: solver.Dopri5(), Options: o}
}

var paths = map[string]path.Path{
	"condot":     path.CondOT{},
	"target":     path.Target{SigmaMin: 0.01},
	"polynomial": path.Polynomial{N: 2},
	"cosine":     path.Cosine{},
	"linear-vp":  path.LinearVP{},
	"vp":         path.VP{BetaMin: 0.1, BetaMax: 20},
	"ve":         path.VE{SigmaMin: 0.01, SigmaMax: 5},
	"icfm":       path.ICFM{Sigma: 0.1},
	"bridge":     path.Bridge{Sigma: 0.5},
}

// exactFlow is a mixture of two Gaussians in two dimensions.
func exactFlow(t testing.TB, p path.Path) *flow.Flow {
	t.Helper()
	g, err := model.NewGMM(mixture, p)
	if err != nil {
		t.Fatal(err)
	}
	f, err := flow.Open(flow.Source{Exact: g}, flow.Registry{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var mixture = model.GMMConfig{
	Columns: []string{"u", "v"}, Weights: []float64{0.3, 0.7},
	Means:       [][]float64{{-1.5, 0.5}, {1, -0.3}},
	Covariances: [][][]float64{{{0.3, 0.1}, {0.1, 0.2}}, {{0.5, -0.2}, {-0.2, 0.4}}},
}

// blurred is the log-density of the mixture plus N(0, s² I), from the formula of
// a 2 x 2 inverse.
func blurred(x []float64, s float64) float64 {
	var sum float64
	for k, w := range mixture.Weights {
		c := mixture.Covariances[k]
		p, q, o := c[0][0]+s*s, c[1][1]+s*s, c[0][1]
		det := p*q - o*o
		a, b := x[0]-mixture.Means[k][0], x[1]-mixture.Means[k][1]
		sum += w * math.Exp(-(q*a*a-2*o*a*b+p*b*b)/(2*det)) / (2 * math.Pi * math.Sqrt(det))
	}
	return math.Log(sum)
}

func points(rows int) []float64 {
	x := make([]float64, 2*rows)
	for r := range rows {
		random.Key(9).Normals64(x[2*r:2*r+2], uint64(r), 0)
	}
	return x
}

// The flow of an exact model gives the mixture's density on every path, blurred
// by the noise that some paths leave at t = 1.
func TestExactModels(t *testing.T) {
	const rows = 64
	x := points(rows)
	for name, p := range paths {
		t.Run(name, func(t *testing.T) {
			blur := map[string]float64{"target": 0.01, "ve": 0.01, "icfm": 0.1}[name]
			logp := make([]float64, rows)
			report, err := likelihood.LogProb(ctx, exactFlow(t, p), dopri5(1e-7, solver.Options{}), logp, nil, x, 0, rows, likelihood.Trace{})
			if err != nil {
				t.Fatal(err)
			}
			for r, got := range logp {
				want := blurred(x[2*r:2*r+2], blur)
				if math.Abs(got-want) > 1e-5 || report.Status[r] != solver.OK {
					t.Fatalf("log p(%v) = %.9f (%s), want %.9f", x[2*r:2*r+2], got, report.Status[r], want)
				}
			}
		})
	}
}

// Where a path's derivatives are infinite at t = 0 the base is what the field
// leads to: the density is right to the solver's tolerance, not to where the
// domain begins.
func TestSingularStart(t *testing.T) {
	const rows = 16
	x := points(rows)
	for _, n := range []float64{0.3, 0.5, 0.8} {
		logp := make([]float64, rows)
		if _, err := likelihood.LogProb(ctx, exactFlow(t, path.Polynomial{N: n}), dopri5(1e-9, solver.Options{}), logp, nil, x, 0, rows, likelihood.Trace{}); err != nil {
			t.Fatal(err)
		}
		for r, got := range logp {
			if want := blurred(x[2*r:2*r+2], 0); math.Abs(got-want) > 1e-5 {
				t.Errorf("n = %v: log p(%v) = %.9f, want %.9f", n, x[2*r:2*r+2], got, want)
			}
		}
	}
}

// network is a float32 flow of a small random network behind a transform.
func network(t testing.TB, dim int) *flow.Flow {
	t.Helper()
	m, err := model.NewMLP(model.MLPConfig{Hidden: []int{8, 8, 8}, Activation: "tanh", Time: model.TimeConfig{Use: "concat"}})
	if err != nil {
		t.Fatal(err)
	}
	n, err := m.Build(dim)
	if err != nil {
		t.Fatal(err)
	}
	n.Init(random.Key(4))
	for _, w := range n.Tensors() { // further from linear than a fresh network
		for i := range w.Data {
			w.Data[i] *= 2
		}
	}
	n.Changed(nil)
	mean, sd := make([]float64, dim), make([]float64, dim)
	d := flow.Description{Version: 1, Dim: dim, Target: flow.TargetVelocity, BaseStd: 1.5, Path: flow.Component{Use: "condot"}, Model: flow.Component{Use: "mlp"}}
	for i := range dim {
		mean[i], sd[i] = 3*float64(i), 0.5+float64(i)
		d.Columns = append(d.Columns, schemas.Column{Name: fmt.Sprint("c", i), Type: "float64"})
	}
	s, err := transform.NewStandardize(mean, sd)
	if err != nil {
		t.Fatal(err)
	}
	d.Transforms = []schemas.Transform{{Use: "standardize", State: s.State()}}
	f, err := flow.New(d, nil, flow.Registry{Other: func(flow.Component, int, []model.Tensor) (model.Field[float32], error) { return n, nil }})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// data are rows near the network's transform.
func data(dim, rows int) []float64 {
	x := make([]float64, dim*rows)
	for r := range rows {
		row := x[r*dim : (r+1)*dim]
		random.Key(2).Normals64(row, uint64(r), 0)
		for i := range row {
			row[i] = 3*float64(i) + row[i]*(0.5+float64(i))
		}
	}
	return x
}

var traces = map[string]likelihood.Trace{
	"exact":      {},
	"rademacher": {Probes: 3, Key: 77},
	"gaussian":   {Probes: 3, Noise: likelihood.Gaussian, Key: 77},
	"hutch++":    {Probes: 6, HutchPP: true, Key: 77},
	"one probe":  {Probes: 1, Noise: likelihood.Rademacher, Key: 77},
}

// A row's score has the same bits in any batch, tile and number of workers.
func TestSameBits(t *testing.T) {
	const dim, rows = 3, 24
	flows := map[string]*flow.Flow{"network": network(t, dim), "mixture": exactFlow(t, path.CondOT{})}
	for name, f := range flows {
		x := data(f.Dim(), rows)
		for kind, trace := range traces {
			want, wantSE := make([]float64, rows), make([]float64, rows)
			if _, err := likelihood.LogProb(ctx, f, dopri5(1e-4, solver.Options{Workers: 1}), want, wantSE, x, 1000, rows, trace); err != nil {
				t.Fatal(err)
			}
			for _, o := range []solver.Options{{Workers: 2, Tile: 5}, {Workers: 4, Tile: 1}} {
				for _, batch := range []int{rows, 7, 1} {
					got, se := make([]float64, rows), make([]float64, rows)
					for r := 0; r < rows; r += batch {
						n := min(batch, rows-r)
						if _, err := likelihood.LogProb(ctx, f, dopri5(1e-4, o), got[r:], se[r:], x[r*f.Dim():], 1000+int64(r), n, trace); err != nil {
							t.Fatal(err)
						}
					}
					for r := range rows {
						if math.Float64bits(got[r]) != math.Float64bits(want[r]) || math.Float64bits(se[r]) != math.Float64bits(wantSE[r]) {
							t.Fatalf("%s, %s, batches of %d, %+v: row %d has %v ± %v, not %v ± %v", name, kind, batch, o, r, got[r], se[r], want[r], wantSE[r])
						}
					}
				}
			}
		}
	}
}

// The standard error is one: scores of many probes lie around the exact score
// as it says, and one probe has none.
func TestHutchinson(t *testing.T) {
	const dim, rows, probes = 3, 80, 16
	f, x := network(t, dim), data(dim, rows)
	s := dopri5(1e-5, solver.Options{})
	exact := make([]float64, rows)
	if _, err := likelihood.LogProb(ctx, f, s, exact, nil, x, 0, rows, likelihood.Trace{}); err != nil {
		t.Fatal(err)
	}
	for _, noise := range []string{likelihood.Rademacher, likelihood.Gaussian} {
		got, se := make([]float64, rows), make([]float64, rows)
		if _, err := likelihood.LogProb(ctx, f, s, got, se, x, 0, rows, likelihood.Trace{Probes: probes, Noise: noise, Key: 5}); err != nil {
			t.Fatal(err)
		}
		var sum, square float64
		for r := range rows {
			z := (got[r] - exact[r]) / se[r]
			// A t variable of 15 degrees of freedom is beyond 7 once in 200,000.
			if !(math.Abs(z) < 7) {
				t.Errorf("%s: row %d is %v ± %v, exactly %v", noise, r, got[r], se[r], exact[r])
			}
			sum, square = sum+z, square+z*z
		}
		if mean := sum / rows * math.Sqrt(rows); math.Abs(mean) > 4 {
			t.Errorf("%s: biased by %v standard errors", noise, mean)
		}
		if v := square / rows; v < 0.5 || v > 2 { // 15/13 ± 0.2 by theory
			t.Errorf("%s: squared deviations are %v of what the standard errors say", noise, v)
		}
	}
	one := make([]float64, rows)
	if _, err := likelihood.LogProb(ctx, f, s, make([]float64, rows), one, x, 0, rows, likelihood.Trace{Probes: 1}); err != nil || !math.IsNaN(one[0]) {
		t.Errorf("one probe has standard error %v, %v", one[0], err)
	}
}

// The closed form of definitions.md 4.4 for data N(m, s² I) behind a transform:
// scores are those of a Gaussian, and log-dets are not forgotten.
func TestGaussianBehindTransform(t *testing.T) {
	const rows = 50
	m, s := []float64{2, 2}, 0.5
	g, err := model.NewGMM(model.GMMConfig{Means: [][]float64{m}, Std: []float64{s}}, path.CondOT{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := flow.Open(flow.Source{Exact: g}, flow.Registry{})
	if err != nil {
		t.Fatal(err)
	}
	sd := []float64{10, 0.1}
	scale, err := transform.NewStandardize([]float64{100, -1}, sd)
	if err != nil {
		t.Fatal(err)
	}
	f.Transforms = []transform.Fitted{scale}
	x := make([]float64, 2*rows)
	f.Base.Sample(x, 3, 0, rows)
	f.Generated(x, nil, rows)
	for name, trace := range map[string]likelihood.Trace{"exact": {}, "rademacher": {Probes: 2, Key: 8}} {
		logp := make([]float64, rows)
		if _, err := likelihood.LogProb(ctx, f, dopri5(1e-9, solver.Options{}), logp, nil, x, 0, rows, trace); err != nil {
			t.Fatal(err)
		}
		for r := range rows {
			want := 0.0
			for i := range 2 {
				mean, std := []float64{100, -1}[i]+m[i]*sd[i], s*sd[i]
				z := (x[2*r+i] - mean) / std
				want -= z*z/2 + math.Log(std*math.Sqrt(2*math.Pi))
			}
			// The Jacobian is a multiple of I, so Rademacher's estimate is exact.
			if math.Abs(logp[r]-want) > 1e-7*(1+math.Abs(want)) {
				t.Fatalf("%s: row %d has %v, want %v", name, r, logp[r], want)
			}
		}
	}
}

// A row that does not arrive has no score, and its neighbours do.
func TestRowsThatFail(t *testing.T) {
	f, x := exactFlow(t, path.CondOT{}), points(8)
	s := dopri5(1e-9, solver.Options{MaxEvaluations: 40})
	x[6], x[7] = math.Inf(1), 0
	logp, se := make([]float64, 8), make([]float64, 8)
	report, err := likelihood.LogProb(ctx, f, s, logp, se, x, 0, 8, likelihood.Trace{Probes: 2})
	if err != nil {
		t.Fatal(err)
	}
	for r, status := range report.Status {
		if (status == solver.OK) == math.IsNaN(logp[r]) || (status == solver.OK) == math.IsNaN(se[r]) {
			t.Errorf("row %d is %s with %v ± %v", r, status, logp[r], se[r])
		}
	}
	if report.Status[3] == solver.OK {
		t.Error("an infinite row arrived")
	}
}

func TestRoundTrip(t *testing.T) {
	f, x := network(t, 3), data(3, 40)
	away := make([]float64, 40)
	if err := likelihood.RoundTrip(ctx, f, dopri5(1e-6, solver.Options{}), away, x, 0, 40); err != nil {
		t.Fatal(err)
	}
	some := false
	for r, a := range away {
		if !(a < 2e-4) {
			t.Errorf("row %d came back %v away", r, a)
		}
		some = some || a > 0
	}
	if !some {
		t.Error("no row moved at all")
	}
}

func TestCancelled(t *testing.T) {
	c, cancel := context.WithCancel(ctx)
	cancel()
	f, x := network(t, 3), data(3, 10)
	if _, err := likelihood.LogProb(c, f, dopri5(1e-4, solver.Options{}), make([]float64, 10), nil, x, 0, 10, likelihood.Trace{}); err == nil {
		t.Error("a cancelled call ended well")
	}
}
