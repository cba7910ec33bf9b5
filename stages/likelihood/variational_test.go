package likelihood_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/bijection/bijectiontest"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/likelihood"
	"github.com/pathline/pathline/stages/transform"
)

const (
	noisyDim, noisyLevels = 2, 3
	noisyAlpha            = 0.05
)

// noisy is a small flow of two columns of whole numbers with noise that is learned,
// and the flow behind it.
func noisy(t *testing.T) (whole, behind *bijection.Network) {
	t.Helper()
	inner, err := bijection.NewMAF(bijection.Config{Transforms: 2, Hidden: []int{8}, Activation: "tanh", Mix: "lu", Base: "mixture", Components: 2})
	if err != nil {
		t.Fatal(err)
	}
	def, err := bijection.NewVariational(bijection.NoiseConfig{High: noisyLevels, Alpha: noisyAlpha, Hidden: []int{6}}, []float64{1}, []float64{0}, inner)
	if err != nil {
		t.Fatal(err)
	}
	a, err := def.Bijection(noisyDim)
	if err != nil {
		t.Fatal(err)
	}
	b, err := inner.Bijection(noisyDim)
	if err != nil {
		t.Fatal(err)
	}
	return a.(*bijection.Network), b.(*bijection.Network)
}

// quiet makes the noise of a network uniform, as it begins.
func quiet(n *bijection.Network) {
	for _, w := range n.Tensors() {
		if strings.Contains(w.Name, ".noise.") {
			clear(w.Data)
		}
	}
	n.Changed(nil)
}

// behindDequantize is a network as a flow whose rows come from dequantize, and then
// perhaps from other transforms.
func behindDequantize(t *testing.T, n *bijection.Network, then ...transform.Fitted) *flow.Flow {
	t.Helper()
	bins := strings.TrimSuffix(strings.Repeat(`{"step":1,"unit":1},`, noisyDim), ",")
	d, err := transform.Restore(schemas.Transform{Use: "dequantize", State: map[string]any{"key": "17", "bins": rawJSON("[" + bins + "]")}}, noisyDim)
	if err != nil {
		t.Fatal(err)
	}
	return &flow.Flow{Base: n.Base(), Bijection: n, Transforms: append([]transform.Fitted{d}, then...),
		Description: flow.Description{Dim: noisyDim, Target: flow.TargetBase}}
}

// probabilities are those of all values, by a sum over each bin.
func probabilities(t *testing.T, n *bijection.Network) (p []float64) {
	t.Helper()
	const cells = 200
	const rows = cells * cells
	for v := range noisyLevels * noisyLevels {
		x, z := make([]float32, noisyDim*rows), make([]float32, noisyDim*rows)
		for i := range rows {
			x[2*i] = float32(v/noisyLevels) + (float32(i/cells)+0.5)/cells
			x[2*i+1] = float32(v%noisyLevels) + (float32(i%cells)+0.5)/cells
		}
		l, base := make([]float64, rows), make([]float64, rows)
		if err := n.Normalize(ctx, z, x, l, rows); err != nil {
			t.Fatal(err)
		}
		wide := make([]float64, len(z))
		for i, v := range z {
			wide[i] = float64(v)
		}
		n.Base().LogProb(base, wide, rows)
		var sum float64
		for i := range l {
			sum += math.Exp(l[i]+base[i]) / rows
		}
		p = append(p, sum)
	}
	return p
}

// TestNoiseMovesNoProbability: the probability of a value is what the flow behind makes
// of its bin, whatever the noise is.
func TestNoiseMovesNoProbability(t *testing.T) {
	n, _ := noisy(t)
	bijectiontest.Draw(n, 4)
	some := probabilities(t, n)
	quiet(n)
	for v, want := range probabilities(t, n) {
		if !(math.Abs(some[v]-want) < 1e-4) {
			t.Errorf("value %d has the probability %v with noise, %v without", v, some[v], want)
		}
	}
}

// TestNoiseThatIsNotTrained: the bound is that of uniform noise in front of a logit.
func TestNoiseThatIsNotTrained(t *testing.T) {
	const rows = 50
	n, behind := noisy(t)
	bijectiontest.Draw(n, 4)
	quiet(n)
	for _, w := range behind.Tensors() {
		for _, o := range n.Tensors() {
			if o.Name == w.Name || o.Name == "2."+w.Name { // the third of the chain, or the base
				copy(w.Data, o.Data)
			}
		}
	}
	behind.Changed(nil)
	logit, err := transform.NewLogit(noisyAlpha, make([]float64, noisyDim), slices.Repeat([]float64{noisyLevels}, noisyDim))
	if err != nil {
		t.Fatal(err)
	}
	x := images(noisyDim, rows, noisyLevels)
	got, want := make([]float64, rows), make([]float64, rows)
	for i, f := range []*flow.Flow{behindDequantize(t, n), behindDequantize(t, behind, logit)} {
		logp := [][]float64{got, want}[i]
		if _, err := likelihood.LogMeanProb(ctx, f, nil, logp, nil, x, 0, rows, 3, likelihood.Trace{}); err != nil {
			t.Fatal(err)
		}
	}
	for r := range got {
		if !(math.Abs(got[r]-want[r]) < 1e-4) {
			t.Errorf("row %d: %v with noise that is not trained, %v with uniform noise", r, got[r], want[r])
		}
	}
}

// TestBoundsOfLearnedNoise: the bound of one draw is below that of several, in the mean
// over rows, and all are below the probability.
func TestBoundsOfLearnedNoise(t *testing.T) {
	const rows = 4000
	n, _ := noisy(t)
	bijectiontest.Draw(n, 4)
	p := probabilities(t, n)
	f, x := behindDequantize(t, n), images(noisyDim, rows, noisyLevels)
	var exact float64
	for r := range rows {
		exact += math.Log(p[int(x[2*r])*noisyLevels+int(x[2*r+1])]) / rows
	}
	boundsRise(t, f, nil, x, rows, exact)
}
