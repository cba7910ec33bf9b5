package optim_test

import (
	"math"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/optim"
)

// TestClip: below the limit nothing changes; above, the direction stays and the
// norm is the limit; a norm that is not finite touches nothing.
func TestClip(t *testing.T) {
	fresh := func() [][]float32 { return [][]float32{{3, 0}, {}, {0, -4}} }
	for _, limit := range []float64{5, 6, 1e300} {
		g := fresh()
		if norm := optim.Clip(g, limit); norm != 5 || !slices.Equal(g[0], fresh()[0]) || !slices.Equal(g[2], fresh()[2]) {
			t.Errorf("limit %v: norm %v, gradients %v", limit, norm, g)
		}
	}
	for _, limit := range []float64{4.999, 1, 1e-20} {
		g := fresh()
		if norm := optim.Clip(g, limit); norm != 5 {
			t.Errorf("norm before is %v", norm)
		}
		if norm := optim.Norm(g); math.Abs(norm-limit) > 1e-6*limit {
			t.Errorf("limit %v: norm after is %v", limit, norm)
		}
		if math.Abs(float64(g[0][0])*4+float64(g[2][1])*3) > 1e-6*limit || g[0][1] != 0 || !(g[0][0] > 0) {
			t.Errorf("limit %v: direction is lost: %v", limit, g)
		}
	}
	for _, v := range []float64{math.NaN(), math.Inf(1)} {
		g := fresh()
		g[2][0] = float32(v)
		if norm := optim.Clip(g, 1); !math.IsNaN(norm) && !math.IsInf(norm, 1) || g[0][0] != 3 || g[2][1] != -4 {
			t.Errorf("with %v: norm %v, gradients %v", v, norm, g)
		}
	}
	// Squares beyond float32 are no reason to overflow.
	if norm := optim.Norm([][]float32{{3e38}, {-3e38}}); math.Abs(norm/4.2426406e38-1) > 1e-6 {
		t.Errorf("norm of great values is %v", norm)
	}
}
