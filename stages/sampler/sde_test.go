package sampler_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/sampler"
	"github.com/pathline/pathline/stages/solver"
)

func noisy(b solver.Tableau, steps int, o solver.Options) *solver.Method {
	o.Steps, o.Stochastic = steps, true
	return &solver.Method{Tableau: b, Options: o}
}

// withNoise draws rows of a flow with noise on the way.
func withNoise(t *testing.T, f *flow.Flow, d flow.Diffusion, m *solver.Method, first int64, rows int) []float64 {
	t.Helper()
	s, err := f.Stochastic(d, m, random.NewKey(7, "samples", "noise"))
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float64, rows*f.Dim())
	report, err := sampler.Sample(ctx, s, m, x, random.NewKey(7, "samples", "base"), first, rows)
	if err != nil {
		t.Fatal(err)
	}
	for r, status := range report.Status {
		if status != solver.OK {
			t.Fatalf("row %d: %v", r, status)
		}
	}
	return x
}

// TestMarginalsUnderNoise: whatever the diffusion, on every affine path, the rows are
// those of the mixture. The distance of Kolmogorov and Smirnov between n rows and the
// mixture is above 1.95/sqrt(n) with a probability of 0.001; the bias of the steps
// comes on top and is below it. Mean and variance of either part lie within four standard
// errors and two hundredths.
func TestMarginalsUnderNoise(t *testing.T) {
	const rows = 2000
	weights, means, std := []float64{0.3, 0.7}, [][]float64{{-2}, {1.5}}, []float64{0.5, 0.4}
	cdf := func(x float64) (p float64) {
		for k, w := range weights {
			p += w * 0.5 * math.Erfc(-(x-means[k][0])/std[k]/math.Sqrt2)
		}
		return p
	}
	for name, build := range path.Builtin() {
		p, err := build([]byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if name == "ve" { // its steps have to be short where its noise is large
			p = path.VE{SigmaMin: 0.001, SigmaMax: 5}
		}
		if name == "icfm" { // ends with noise, as the data does then
			continue
		}
		g, err := model.NewGMM(model.GMMConfig{Weights: weights, Means: means, Std: std}, p)
		if err != nil {
			t.Fatal(err)
		}
		f := exactFlow(t, g)
		for _, d := range []flow.Diffusion{{Use: "constant", Scale: 0.5}, {Use: "constant", Scale: 2}, {Use: "sigma", Scale: 1.5}} {
			x := withNoise(t, f, d, noisy(solver.Heun(), 150, solver.Options{}), 0, rows)
			slices.Sort(x)
			far := 0.0
			for i, v := range x {
				far = max(far, math.Abs(cdf(v)-float64(i)/rows), math.Abs(cdf(v)-float64(i+1)/rows))
			}
			if far > 1.95/math.Sqrt(rows) {
				t.Errorf("%s, %+v: distance %.4f", name, d, far)
			}
			split, _ := slices.BinarySearch(x, 0) // four standard deviations from both
			for k, part := range [][]float64{x[:split], x[split:]} {
				n, m, v := float64(len(part)), 0.0, 0.0
				for _, u := range part {
					m += u / n
				}
				for _, u := range part {
					v += (u - m) * (u - m) / n
				}
				m, v = (m-means[k][0])/std[k], v/(std[k]*std[k])
				if math.Abs(m) > 4/math.Sqrt(n)+0.02 || math.Abs(v-1) > 4*math.Sqrt(2/n)+0.02 {
					t.Errorf("%s, %+v: part %d has mean %.4f and variance %.4f in its own units", name, d, k, m, v)
				}
			}
		}
	}
}

// TestNoNoiseIsEuler: without noise the sampler has the bits of the one by ordinary
// differential equation, with the same steps; with it, other rows.
func TestNoNoiseIsEuler(t *testing.T) {
	const rows = 30
	for name, f := range map[string]*flow.Flow{"network": network(t), "exact": exactFlow(t, gaussian(t, []float64{1, 2}, 0.3))} {
		for _, b := range []solver.Tableau{solver.Euler(), solver.Heun()} {
			plain := make([]float64, rows*f.Dim())
			m := &solver.Method{Tableau: b, Options: solver.Options{Steps: 17}}
			if _, err := sampler.Sample(ctx, f, m, plain, random.NewKey(7, "samples", "base"), 5, rows); err != nil {
				t.Fatal(err)
			}
			for _, d := range []flow.Diffusion{{Use: "zero", Scale: 3}, {Use: "constant"}, {Use: "sigma"}} {
				if got := withNoise(t, f, d, noisy(b, 17, solver.Options{}), 5, rows); !slices.Equal(got, plain) {
					t.Errorf("%s, %s, %+v: other bits than without noise", name, b.Name, d)
				}
			}
			got := withNoise(t, f, flow.Diffusion{Use: "constant", Scale: 0.5}, noisy(b, 17, solver.Options{}), 5, rows)
			for r := range rows {
				if got[r*f.Dim()] == plain[r*f.Dim()] {
					t.Errorf("%s, %s: row %d has no noise", name, b.Name, r)
				}
			}
		}
	}
}

// TestNoiseSameBits: a row has the same bits in any batch, tile and number of workers.
func TestNoiseSameBits(t *testing.T) {
	const rows = 90
	d := flow.Diffusion{Use: "sigma", Scale: 1}
	for name, f := range map[string]*flow.Flow{"network": network(t), "exact": exactFlow(t, gaussian(t, []float64{1, 2}, 0.3))} {
		want := withNoise(t, f, d, noisy(solver.Euler(), 20, solver.Options{Workers: 1}), 0, rows)
		for _, o := range []solver.Options{{Workers: 3, Tile: 7}, {Workers: 2, Tile: 1}} {
			for _, batch := range []int{rows, 40, 7} {
				var got []float64
				for r := 0; r < rows; r += batch {
					got = append(got, withNoise(t, f, d, noisy(solver.Euler(), 20, o), int64(r), min(batch, rows-r))...)
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s: other bits with %+v and batches of %d", name, o, batch)
				}
			}
		}
	}
}

// TestSDEStage: the stage takes euler or heun with its steps, refuses others before
// anything runs, has one sample for every batch, and followed rows end as they do.
func TestSDEStage(t *testing.T) {
	r := pipeline.NewRegistry()
	sampler.Register(r, parts())
	impl, ok := r.Find("sampler", "sde")
	if !ok {
		t.Fatal("sampler/sde is not registered")
	}
	run := func(config string, in pipeline.Inputs) ([]string, pipeline.Outputs, error) {
		st, err := impl.Build(ctx, pipeline.Env{Stage: "samples", Seed: 7}, json.RawMessage(config))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Check(ctx, in); err != nil {
			return nil, pipeline.Outputs{}, err
		}
		out, err := st.Run(ctx, in)
		if err != nil {
			return nil, out, err
		}
		return text(t, out.Rows[""]), out, nil
	}
	join := func(s solver.Solver, from string) pipeline.Inputs {
		in := inputs(&flow.Source{File: saved(t)}, s)
		in["solver"] = pipeline.Input{Service: s, From: from}
		return in
	}
	euler := &solver.Method{Tableau: solver.Euler(), Options: solver.Options{TimeGrid: solver.Cosine(12)}}
	in := join(euler, "steps")
	want, out, err := run(`{"rows": 50, "trajectory": [0.5, 1]}`, in)
	if err != nil || out.Summary["evaluations"] != 12.0 {
		t.Fatal(err, out.Summary)
	}
	followed := out.Report[0].Data.(*sampler.Trajectories)
	if euler.Options.Stochastic {
		t.Error("the solver of others was changed")
	}
	if got, _, err := run(`{"rows": 50, "batch": 7}`, in); err != nil || !slices.Equal(got, want) {
		t.Errorf("other rows in batches of 7, %v", err)
	}
	if got, _, err := run(`{"rows": 50, "diffusion": "zero"}`, in); err != nil || slices.Equal(got, want) {
		t.Errorf("no noise gives the same rows, %v", err)
	}
	if len(followed.Values) != 50 || followed.Values[3][0][1] == followed.Values[3][1][1] {
		t.Errorf("%d rows are followed", len(followed.Values))
	}
	usual := join(dopri5(1e-5, solver.Options{}), "")
	if _, out, err := run(`{"rows": 3}`, usual); err != nil || out.Summary["evaluations"] != 200.0 {
		t.Errorf("without a solver: %v, %v", out.Summary, err)
	}
	for _, s := range []solver.Solver{dopri5(1e-5, solver.Options{}), &solver.Method{Tableau: solver.RK4(), Options: solver.Options{Steps: 10}}} {
		_, _, err := run(`{"rows": 3}`, join(s, "steps"))
		if errs := schemas.Errors(err, ""); len(errs) != 1 || errs[0].Path != "from.solver" {
			t.Errorf("%v", err)
		}
	}
	exact := inputs(hidden{gaussian(t, []float64{1}, 1)}, euler)
	_, _, err = run(`{"rows": 3}`, exact)
	if errs := schemas.Errors(err, ""); len(errs) != 1 || errs[0].Path != "from.flow" {
		t.Errorf("a model that hides its path: %v", err)
	}
	if text := fmt.Sprint(impl.Doc); text == "" {
		t.Error("no documentation")
	}
}

// hidden is an exact model of another process.
type hidden struct{ model.Exact }
