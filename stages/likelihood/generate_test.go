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

// The density that comes with a new row is that of the row: of mixtures on every
// path to 1e-9, of a network behind a transform to what the solver leaves.
func TestGenerate(t *testing.T) {
	const rows = 6
	for _, d := range []int{1, 8} {
		c := mixtureOf(d, 3, 1)
		for name, p := range paths {
			f := exactly(t, c, p)
			x, logp, se := make([]float64, rows*d), make([]float64, rows), make([]float64, rows)
			f.Base.Sample(x, 31, 0, rows)
			if _, err := likelihood.Generate(ctx, f, dop853(1e-12), x, logp, se, 0, rows, likelihood.Trace{}); err != nil {
				t.Fatal(err)
			}
			for r := range rows {
				want := density(t, c, leftOver[name], x[r*d:(r+1)*d])
				if !(math.Abs(logp[r]-want) < 1e-9) || se[r] != 0 {
					t.Errorf("%s, d = %d: row %d has %v ± %v, want %v", name, d, r, logp[r], se[r], want)
				}
			}
		}
	}
	const many = 200
	f := network(t, 3)
	for name, trace := range traces {
		x, logp, se := make([]float64, 3*many), make([]float64, many), make([]float64, many)
		f.Base.Sample(x, 32, 500, many)
		s := dopri5(1e-6, solver.Options{})
		if _, err := likelihood.Generate(ctx, f, s, x, logp, se, 500, many, trace); err != nil {
			t.Fatal(err)
		}
		want, wantSE := make([]float64, many), make([]float64, many)
		if _, err := likelihood.LogProb(ctx, f, s, want, wantSE, x, 500, many, trace); err != nil {
			t.Fatal(err)
		}
		for r := range many {
			if !(math.Abs(logp[r]-want[r]) < 2e-4) || math.Abs(se[r]-wantSE[r]) > 2e-4 {
				t.Errorf("%s: row %d was made with %v ± %v and is scored %v ± %v", name, r, logp[r], se[r], want[r], wantSE[r])
			}
		}
	}
}

// Estimates of the whole log-density have the variance of theory: with a Jacobian
// that is the same everywhere, as it is at each time of a flow to one Gaussian,
// q = ∫ zᵀ J(t) z dt has the symmetric part A = ∫ J, and A of a full covariance S on
// the straight path is 1/2 log S. The bound is 5 %.
func TestVarianceOfScores(t *testing.T) {
	const rows, k = 20_000, 2
	c := model.GMMConfig{Weights: []float64{1}, Means: [][]float64{{1, -2, 0}}, Covariances: [][][]float64{{{1, 0.5, -0.4}, {0.5, 0.8, 0.3}, {-0.4, 0.3, 1.2}}}}
	f := exactly(t, c, path.CondOT{})
	x := make([]float64, 3*rows)
	for i := range x {
		x[i] = []float64{1, -2, 0}[i%3] // one row, many probes
	}
	s := dopri5(1e-5, solver.Options{})
	want := density(t, c, 0, x[:3])
	all, diagonal := halfLog(t, c.Covariances[0])
	for noise, variance := range map[string]float64{likelihood.Rademacher: 2 * (all - diagonal) / k, likelihood.Gaussian: 2 * all / k} {
		logp, se := make([]float64, rows), make([]float64, rows)
		if _, err := likelihood.LogProb(ctx, f, s, logp, se, x, 0, rows, likelihood.Trace{Probes: k, Noise: noise, Key: 4}); err != nil {
			t.Fatal(err)
		}
		var mean, m2, se2 float64
		for r, v := range logp {
			d := v - mean
			mean += d / float64(r+1)
			m2 += d * (v - mean)
			se2 += se[r] * se[r] / rows
		}
		if math.Abs(mean-want) > 4*math.Sqrt(variance/rows) {
			t.Errorf("%s: mean %v, exactly %v", noise, mean, want)
		}
		if got := m2 / (rows - 1); math.Abs(got/variance-1) > 0.05 || math.Abs(se2/variance-1) > 0.05 {
			t.Errorf("%s: variance %v, squared standard errors %v, want %v", noise, got, se2, variance)
		}
	}
}

// zero is the field of a flow that stays where it begins, with the standard
// logistic distribution as its base.
type zero struct{ dim int }

func (z zero) Dim() int { return z.dim }

func (z zero) Eval(_ context.Context, dx, _, _ []float64, rows int) error {
	clear(dx[:rows*z.dim])
	return nil
}

func (z zero) Divergence(ctx context.Context, v, div, t, x, _ []float64, rows, probes int) error {
	clear(div[:rows*max(1, probes)])
	return z.Eval(ctx, v, t, x, rows)
}

func (z zero) Sample(x []float64, key random.Key, first int64, rows int) {
	for r := range rows {
		row := x[r*z.dim : (r+1)*z.dim]
		key.Uniforms(row, uint64(first)+uint64(r), 0)
		for i, u := range row {
			row[i] = math.Log(u) - math.Log1p(-u)
		}
	}
}

func (z zero) LogProb(logp, x []float64, rows int) {
	for r := range rows {
		logp[r] = 0
		for _, v := range x[r*z.dim : (r+1)*z.dim] {
			a := math.Abs(v)
			logp[r] -= a + 2*math.Log1p(math.Exp(-a))
		}
	}
}

// images are rows of pixels of some levels, many of them black.
func images(dim, rows int, levels float64) []float64 {
	x := make([]float64, dim*rows)
	for r := range rows {
		row := x[r*dim : (r+1)*dim]
		random.Key(41).Uniforms(row, uint64(r), 0)
		for i, u := range row {
			row[i] = math.Floor(levels * max(0, 2*u-1))
		}
	}
	return x
}

// pixels is a flow of images behind dequantize and logit.
func pixels(t *testing.T, dim int, alpha, levels float64) *flow.Flow {
	t.Helper()
	f := &flow.Flow{Base: zero{dim}, Field64: zero{dim}, Description: flow.Description{Dim: dim}}
	bins := ""
	for i := range dim {
		bins += map[bool]string{true: "", false: ","}[i == 0] + `{"step":1,"unit":1}`
		f.Description.Columns = append(f.Description.Columns, schemas.Column{Name: fmt.Sprint("p", i), Type: "uint8"})
	}
	low, high := make([]float64, dim), make([]float64, dim)
	for i := range high {
		high[i] = levels
	}
	dequantize, err := transform.Restore(schemas.Transform{Use: "dequantize", State: map[string]any{"key": "17", "bins": rawJSON("[" + bins + "]")}}, dim)
	if err != nil {
		t.Fatal(err)
	}
	logit, err := transform.NewLogit(alpha, low, high)
	if err != nil {
		t.Fatal(err)
	}
	f.Transforms = []transform.Fitted{dequantize, logit}
	return f
}

// The standard logistic distribution behind a logit is uniform in the pixels: 8 -
// log2(1 - 2 alpha) bits per dimension for every image, 8.00000289 for the alpha
// that MNIST is published with (Papamakarios et al. 2017, appendix).
func TestUniformLogistic(t *testing.T) {
	const dim, rows, alpha = 784, 30, 1e-6
	f := pixels(t, dim, alpha, 256)
	x := images(dim, rows, 256)
	for _, draws := range []int{1, 3} {
		logp := make([]float64, rows)
		if _, err := likelihood.LogMeanProb(ctx, f, dopri5(1e-5, solver.Options{}), logp, nil, x, 0, rows, draws, likelihood.Trace{}); err != nil {
			t.Fatal(err)
		}
		for r, l := range logp {
			if bits := -l / (dim * math.Ln2); math.Abs(bits-8.00000289) > 1e-8 {
				t.Fatalf("image %d takes %.10f bits per dimension", r, bits)
			}
		}
	}
}

// tilted is a base that is not uniform in the pixels, so that draws matter.
type tilted struct{ zero }

func (b tilted) LogProb(logp, x []float64, rows int) {
	for r := range rows {
		logp[r] = 0
		for _, v := range x[r*b.dim : (r+1)*b.dim] {
			logp[r] -= (v-1)*(v-1)/2 + math.Log(2*math.Pi)/2
		}
	}
}

// The mean over more draws of the noise is a better bound, in the mean over rows,
// and never better than the probability of the values itself. (Lipman et al. 2023,
// table 4.)
func TestDrawsAreMonotone(t *testing.T) {
	const dim, rows, levels = 6, 3000, 4
	f := pixels(t, dim, 0.05, levels)
	f.Base = tilted{zero{dim}}
	x := images(dim, rows, levels)
	// The probability of a value: normal distribution functions between logits.
	place := func(v float64) float64 {
		p := 0.05 + 0.9*v/levels
		return math.Log(p) - math.Log(1-p) - 1
	}
	var exact float64
	for _, v := range x {
		exact += math.Log((math.Erfc(-place(v+1)/math.Sqrt2)-math.Erfc(-place(v)/math.Sqrt2))/2) / rows
	}
	boundsRise(t, f, dopri5(1e-5, solver.Options{}), x, rows, exact)
}

// boundsRise: the bound of more draws is the better one, in the mean over rows, those of
// 64 draws miss less than a tenth of what one misses, and none is above the mean
// logarithm of the probability.
func boundsRise(t *testing.T, f *flow.Flow, s solver.Solver, x []float64, rows int, exact float64) {
	t.Helper()
	first, last := math.NaN(), math.Inf(-1)
	for _, draws := range []int{1, 2, 4, 16, 64} {
		logp := make([]float64, rows)
		if _, err := likelihood.LogMeanProb(ctx, f, s, logp, nil, x, 0, rows, draws, likelihood.Trace{}); err != nil {
			t.Fatal(err)
		}
		var mean float64
		for _, l := range logp {
			mean += l / float64(rows)
		}
		if !(mean > last) || mean > exact {
			t.Errorf("%d draws give %v, fewer gave %v, the probability is %v", draws, mean, last, exact)
		}
		if last = mean; draws == 1 {
			first = mean
		}
	}
	if exact-last > (exact-first)/10 {
		t.Errorf("64 draws are %v below the probability, one is %v", exact-last, exact-first)
	}
}
