package distribution

import (
	"math"
	"testing"

	"github.com/pathline/pathline/stages/random"
)

// The entropy is -E log p(x). Here p is written down independently of the
// sampler, as a mixture of Gaussians over a fine grid of places on the curve
// (midpoint rule, far finer than the noise), and the mean is over the
// sampler's own rows: a slip in either makes the two disagree.
func TestEntropy(t *testing.T) {
	gauss := func(s float64, centres [][2]float64) func(x, y float64) float64 {
		return func(x, y float64) float64 {
			p := 0.0
			for _, c := range centres {
				p += math.Exp(-((x-c[0])*(x-c[0]) + (y-c[1])*(y-c[1])) / (2 * s * s))
			}
			return p / (2 * math.Pi * s * s * float64(len(centres)))
		}
	}
	curve := func(nodes int, f func(u float64) (x, y float64)) (c [][2]float64) {
		for i := range nodes {
			x, y := f((float64(i) + 0.5) / float64(nodes))
			c = append(c, [2]float64{x, y})
		}
		return c
	}
	circle := func(r float64) func(u float64) (float64, float64) {
		return func(u float64) (float64, float64) {
			return r * math.Cos(2*math.Pi*u), r * math.Sin(2*math.Pi*u)
		}
	}
	join := func(parts ...[][2]float64) (c [][2]float64) {
		for _, p := range parts {
			c = append(c, p...)
		}
		return c
	}
	spiral := curve(400, func(u float64) (float64, float64) {
		n := 3 * math.Pi * math.Sqrt(u)
		return -n * math.Cos(n) / 3, n * math.Sin(n) / 3
	})
	density := map[string]func(x, y float64) float64{
		"8gaussians": gauss(0.5/1.414, curve(8, func(u float64) (float64, float64) { return circle(4 / 1.414)(u - 1.0/16) })),
		"circles":    gauss(0.24, join(curve(200, circle(3)), curve(200, circle(1.5)))),
		"rings":      gauss(0.08, join(curve(300, circle(3)), curve(300, circle(2.25)), curve(300, circle(1.5)), curve(300, circle(.75)))),
		"moons": gauss(0.2, join(
			curve(150, func(u float64) (float64, float64) {
				return 2*math.Cos(math.Pi*u) - 1, 2*math.Sin(math.Pi*u) - 0.2
			}),
			curve(150, func(u float64) (float64, float64) {
				return 1 - 2*math.Cos(math.Pi*u), 0.8 - 2*math.Sin(math.Pi*u)
			}))),
		"swissroll": gauss(0.2, curve(600, func(u float64) (float64, float64) {
			a := 1.5*math.Pi + 3*math.Pi*u
			return a * math.Cos(a) / 5, a * math.Sin(a) / 5
		})),
		"scurve": gauss(0.075, curve(400, func(u float64) (float64, float64) {
			a := 3 * math.Pi * (u - 0.5)
			return 1.5 * math.Sin(a), 1.5 * math.Copysign(math.Cos(a)-1, a*(math.Cos(a)-1))
		})),
		// Each coordinate's noise is uniform on [0, 1/6] plus normal of sd 0.1.
		"2spirals": func(x, y float64) float64 {
			box := func(v float64) float64 {
				return 3 * (math.Erf(v/(0.1*math.Sqrt2)) - math.Erf((v-1.0/6)/(0.1*math.Sqrt2)))
			}
			p := 0.0
			for _, c := range spiral {
				for _, s := range []float64{1, -1} {
					dx, dy := s*x-c[0], s*y-c[1]
					if math.Abs(dx) < 1.2 && math.Abs(dy) < 1.2 { // beyond: below 1e-20
						p += box(dx) * box(dy)
					}
				}
			}
			return p / float64(2*len(spiral))
		},
		"checkerboard": func(x, y float64) float64 { return 1.0 / 32 },
		"normal":       gauss(1, [][2]float64{{0, 0}}),
		// A centre of eight stands at angle 0: the midpoint rule begins half a step later.
		"cfm-8gaussians":    gauss(1, curve(8, func(u float64) (float64, float64) { return circle(5)(u - 1.0/16) })),
		"cfm-8gaussians-12": gauss(1.5, curve(8, func(u float64) (float64, float64) { return circle(12)(u - 1.0/16) })),
		"cfm-moons": gauss(0.1, join(
			curve(300, func(u float64) (float64, float64) {
				return 2*math.Cos(math.Pi*u) - 1, 2*math.Sin(math.Pi*u) - 1
			}),
			curve(300, func(u float64) (float64, float64) {
				return 1 - 2*math.Cos(math.Pi*u), -2 * math.Sin(math.Pi*u)
			}))),
		"cfm-moons-7": gauss(0.968196, join(
			curve(150, func(u float64) (float64, float64) {
				return 9.6819 * (math.Cos(math.Pi*u) - 0.375), 9.6819 * (math.Sin(math.Pi*u) - 0.375)
			}),
			curve(150, func(u float64) (float64, float64) {
				return 9.6819 * (0.625 - math.Cos(math.Pi*u)), 9.6819 * (0.125 - math.Sin(math.Pi*u))
			}))),
	}
	for _, d := range All() {
		p, ok := density[d.Name]
		if !ok {
			if !math.IsNaN(d.Entropy) {
				t.Errorf("%s: states an entropy that no density confirms", d.Name)
			}
			continue
		}
		const rows = 6000
		x := make([]float64, 2*rows)
		d.Sample(x, random.NewKey(13, "data", "rows"), 0, rows)
		sum, square := 0.0, 0.0
		for i := 0; i < len(x); i += 2 {
			l := -math.Log(p(x[i], x[i+1]))
			sum += l
			square += l * l
		}
		mean := sum / rows
		se := math.Sqrt(max(0, square/rows-mean*mean) / rows)
		if math.Abs(mean-d.Entropy) > 4*se+1e-4 {
			t.Errorf("%s: entropy %.4f +- %.4f, stated %.4f", d.Name, mean, se, d.Entropy)
		}
	}
}
