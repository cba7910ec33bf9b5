package trainer

import (
	"context"
	"math"
	"testing"

	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/optim"
	"github.com/pathline/pathline/stages/random"
)

// classed is a conditional Gaussian of two columns whose conditions are one of two
// classes, as 0/1 columns, and a number s:
//
//	x = mean(class) + s (1, -1) + scale(class) (z0, z0/2 + z1/2)
type classed struct{ scale [2]float64 }

var classMeans = [2][2]float64{{-2, 1}, {2, 0}}

const classedHeld = 3

// rows are x and conditions [n][2+3], and -log p(x | c) of each.
func (g classed) rows(n int, stream string) (x []float32, nll []float64) {
	key, z := random.NewKey(1, "conditional", stream), make([]float64, 3)
	for r := range n {
		key.Normals64(z, uint64(r), 0)
		k := r % 2
		s, m := g.scale[k], classMeans[k]
		row := []float32{float32(m[0] + z[2] + s*z[0]), float32(m[1] - z[2] + s*(z[0]+z[1])/2), 0, 0, float32(z[2])}
		row[2+k] = 1
		x = append(x, row...)
		nll = append(nll, (z[0]*z[0]+z[1]*z[1])/2+math.Log(2*math.Pi)+math.Log(s*s/2))
	}
	return x, nll
}

// TestConditionalGaussian: every discrete flow learns p(x | c) to 0.02 nats, and its
// samples have the mean and the deviation of what they are given. A flow whose volume
// does not depend on x and c, as nice, is given one scale for all.
func TestConditionalGaussian(t *testing.T) {
	own, one := classed{[2]float64{0.5, 1.5}}, classed{[2]float64{0.8, 0.8}}
	small := bijection.Config{Transforms: 2, Hidden: []int{24}, Activation: "tanh", Base: "normal"}
	of := func(define func(bijection.Config) (bijection.Definition, error)) func() (bijection.Definition, error) {
		return func() (bijection.Definition, error) { return define(small) }
	}
	splines := func(kind string) func() (bijection.Definition, error) {
		return func() (bijection.Definition, error) {
			return bijection.NewNSF(bijection.SplineConfig{Config: small, Kind: kind, Bins: 4})
		}
	}
	for _, c := range []struct {
		name   string
		law    classed
		define func() (bijection.Definition, error)
	}{
		{"nice", one, of(bijection.NewNICE)},
		{"realnvp", own, func() (bijection.Definition, error) {
			return bijection.NewRealNVP(bijection.RealNVPConfig{Config: small})
		}},
		{"maf", own, of(bijection.NewMAF)},
		{"iaf", own, of(bijection.NewIAF)},
		{"nsf", own, splines("autoregressive")},
		{"nsf of couplings", own, splines("coupling")},
		{"planar", one, func() (bijection.Definition, error) {
			return bijection.NewPlanar(bijection.PlanarConfig{Transforms: 12})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			def, err := c.define()
			if err != nil {
				t.Fatal(err)
			}
			layout := Layout{Dim: 2, Held: classedHeld}
			x, _ := c.law.rows(20000, "data")
			fresh, nll := c.law.rows(20000, "fresh")
			o := options(1500, 256)
			o.Schedule, o.LR, o.Workers = optim.Cosine{}, 0.01, 1
			f, err := MaximumLikelihood(context.Background(), def, layout, NewMemory(x, layout.Width(), o.Keys.Shuffle),
				NewHeldOut(fresh, make([]int64, len(nll))), withValidation(o))
			if err != nil {
				t.Fatal(err)
			}
			truth, _ := spread(nll)
			if gap := *f.State.Validation - truth; !(math.Abs(gap) < 0.02) {
				t.Errorf("%v nats more than the true density has on the same rows", gap)
			}
			if held := model.Held(f.Network); held != classedHeld {
				t.Fatalf("%d columns of conditions", held)
			}
			// Samples of each class, with the number s.
			const rows, s = 4000, 0.5
			for k, m := range classMeans {
				base := make([]float64, rows*2)
				f.Network.Base().Sample(base, random.NewKey(3, "conditional", "base"), 0, rows)
				z, y := make([]float32, rows*5), make([]float32, rows*5)
				for r := range rows {
					z[5*r], z[5*r+1], z[5*r+2+k], z[5*r+4] = float32(base[2*r]), float32(base[2*r+1]), 1, s
				}
				if err := f.Network.Generate(t.Context(), y, z, nil, rows); err != nil {
					t.Fatal(err)
				}
				for i, want := range []float64{m[0] + s, m[1] - s} {
					var column []float64
					for r := range rows {
						column = append(column, float64(y[5*r+i]))
					}
					deviation := c.law.scale[k] * []float64{1, math.Sqrt2 / 2}[i]
					mean, se := spread(column)
					if got := se * math.Sqrt(rows); !(math.Abs(mean-want) < 0.1*deviation) || !(math.Abs(got/deviation-1) < 0.07) {
						t.Errorf("class %d, column %d: mean %v and deviation %v, they should be %v and %v", k, i, mean, got, want, deviation)
					}
				}
			}
		})
	}
}
