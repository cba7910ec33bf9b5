package assign

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/internal/kernel"
)

// Every level gives the bits of the definition, for every length; memory around is
// left alone.
func TestPlanLevels(t *testing.T) {
	before := kernel.Current()
	defer kernel.Use(before)
	r := rand.New(rand.NewPCG(1, 4))
	for n := Columns; n <= 12*Columns; n += Columns {
		a, b, sum := make([]float32, n), make([]float64, n), make([]float64, n+2)
		for j := range n {
			a[j], b[j], sum[j+1] = r.Float32(), r.NormFloat64(), r.NormFloat64()
		}
		b[n-1] = math.Inf(-1)
		type result struct {
			dot      float64
			sum      []float64
			exps     []float32
			greatest float32
		}
		var want result
		for l := kernel.Generic; l <= kernel.Best(); l++ {
			kernel.Use(l)
			got := result{sum: slices.Clone(sum), exps: make([]float32, n+2), greatest: Greatest(a)}
			got.dot = Dot(a[:n], append(b[:n-1:n-1], 1))
			Add(got.sum[1:n+1], a, 0.3)
			Exponents(got.exps[1:n+1], a, b, 0.7, 13)
			if l == kernel.Generic {
				want = got
				continue
			}
			if got.dot != want.dot || !slices.Equal(got.sum, want.sum) || !slices.Equal(got.exps, want.exps) || got.greatest != want.greatest {
				t.Fatalf("%s, %d columns: %v, not %v", l, n, got, want)
			}
		}
		// The definitions against plain sums.
		dot := float64(a[n-1])
		for j := range n - 1 {
			dot += float64(a[j]) * b[j]
		}
		if math.Abs(dot-want.dot) > 1e-12 || math.Abs(want.sum[1]-sum[1]-0.3*float64(a[0])) > 1e-15 || want.greatest != slices.Max(a) ||
			want.exps[1] != float32((0.7+b[0]-float64(a[0]))*13) || !math.IsInf(float64(want.exps[n]), -1) {
			t.Fatalf("%d columns: %v", n, want)
		}
	}
}

// One cost that is infinite or no number, of either sign, is enough.
func TestGreatestSeesWhatIsNotFinite(t *testing.T) {
	before := kernel.Current()
	defer kernel.Use(before)
	nan := math.Float32frombits(0xffc00000)
	for l := kernel.Generic; l <= kernel.Best(); l++ {
		kernel.Use(l)
		for at := range 2 * Columns {
			for _, bad := range []float32{nan, -nan, float32(math.NaN()), float32(math.Inf(1))} {
				a := make([]float32, 2*Columns)
				if Greatest(a) != 0 {
					t.Fatalf("%s: zeros", l)
				}
				a[at] = bad
				if g := Greatest(a); !math.IsInf(float64(g), 1) {
					t.Fatalf("%s: %v at %d gives %v", l, bad, at, g)
				}
			}
		}
	}
}
