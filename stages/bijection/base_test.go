package bijection_test

import (
	"math"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/autodiff"
	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/random"
)

// bases are bases of the plane. The mixture has a component of little weight and
// scales that its soft limit changes.
func bases() map[string]bijection.Base {
	return map[string]bijection.Base{
		"normal":         bijection.Normal{Dim: 2},
		"logistic":       bijection.Logistic{Dim: 2},
		"mixture":        bijection.Mixture{Dim: 2, Components: 3},
		"mixture of one": bijection.Mixture{Dim: 2, Components: 1},
	}
}

var baseWeights = map[string][]float32{
	"base.logit":     {0.5, -2, 1},
	"base.location":  {-2, 1, 0.5, -3, 2, 0},
	"base.log_scale": {-0.7, 0.2, 0.4, -1, 0, 0.3},
}

// TestBases: a base's density has the mass one; its samples have the moments and the
// mean log-density that the density has, the same in pieces; and its part of a program
// is the same density.
func TestBases(t *testing.T) {
	for name, base := range bases() {
		t.Run(name, func(t *testing.T) {
			g := autodiff.New()
			density := base.Density(bijection.NewBuilder(g, autodiff.Value{}), g.Input("z", 2))
			weights := map[string][]float32{}
			var wide [][]float64
			for _, p := range g.Params() {
				w := baseWeights[p.Name][:p.Size()]
				weights[p.Name] = w
				wide = append(wide, widened(w))
			}
			b := base.Distribution(func(name string) []float32 { return weights[name] })

			// Integrals over a grid, whose error is below 1e-6.
			const n, hi = 600, 22.0
			const h = 2 * hi / n
			x, logp := make([]float64, 0, 2*n*n), make([]float64, n*n)
			for i := range n * n {
				x = append(x, h*(float64(i/n)+0.5)-hi, h*(float64(i%n)+0.5)-hi)
			}
			b.LogProb(logp, x, n*n)
			moments := func(x, logp, share []float64) (m [7]float64) {
				for r, p := range share {
					u, v := x[2*r], x[2*r+1]
					for k, f := range [7]float64{1, u, v, u * u, u * v, v * v, logp[r]} {
						m[k] += p * f
					}
				}
				return m
			}
			share := make([]float64, n*n)
			for r, l := range logp {
				share[r] = math.Exp(l) * h * h
			}
			want := moments(x, logp, share)
			if !(math.Abs(want[0]-1) < 1e-6) {
				t.Errorf("the density has the mass %v", want[0])
			}
			// In a program.
			some := x[n*n : n*n+2*n]
			got, err := g.Interpret([]autodiff.Value{density}, wide, [][]float64{some}, n)
			if err != nil {
				t.Fatal(err)
			}
			for r, v := range got[0] {
				if p := logp[n*n/2+r]; !(math.Abs(v-p) < 1e-12*(1+math.Abs(p))) {
					t.Fatalf("row %v has the density %v in a program, and %v", some[2*r:2*r+2], v, p)
				}
			}
			// Samples.
			const rows = 200000
			y, score, even := make([]float64, 2*rows), make([]float64, rows), make([]float64, rows)
			key := random.NewKey(4, "test", "base")
			b.Sample(y, key, 0, rows)
			part := make([]float64, 2*7)
			if b.Sample(part, key, 100, 7); !slices.Equal(part, y[200:214]) {
				t.Error("rows on their own are others")
			}
			b.LogProb(score, y, rows)
			for r := range even {
				even[r] = 1.0 / rows
			}
			// Standard errors are below 0.02 (of the logistic's second moments).
			for k, m := range moments(y, score, even) {
				if !(math.Abs(m-want[k]) < 0.06) {
					t.Errorf("moment %d of samples is %v, of the density %v", k, m, want[k])
				}
			}
		})
	}
}

func widened(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}
