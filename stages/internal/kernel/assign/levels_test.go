package assign

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/internal/kernel"
)

// Every level gives the bits of the definition, on costs with many that are
// equal, columns that are closed and padding; memory around is left alone.
func TestLevels(t *testing.T) {
	before := kernel.Current()
	defer kernel.Use(before)
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 2000 {
		n := 1 + r.IntN(200)
		if round < 20 {
			n = 1 + round
		}
		m := Padded(n)
		cost, open := make([]float32, m), make([]float64, m)
		dist, pred := make([]float64, m+2), make([]int32, m+2)
		for j := range m {
			cost[j] = float32(r.IntN(6))
			open[j] = float64(r.IntN(3)) / 2
			dist[j+1] = float64(r.IntN(8))
			if round%2 == 0 {
				cost[j], open[j], dist[j+1] = r.Float32(), r.NormFloat64(), 2*r.Float64()
			}
			if r.IntN(4) == 0 {
				dist[j+1] = math.Inf(1)
			}
			if j >= n || r.IntN(10) == 0 {
				open[j], dist[j+1] = math.Inf(-1), math.Inf(1)
			}
			pred[j+1] = -7
		}
		base := r.NormFloat64()
		type result struct {
			least float64
			at    int
			dist  []float64
			pred  []int32
			two   Two
		}
		var want result
		for l := kernel.Generic; l <= kernel.Best(); l++ {
			kernel.Use(l)
			d, p := slices.Clone(dist), slices.Clone(pred)
			got := result{dist: d, pred: p, two: TwoLeast(cost, open)}
			got.least, got.at = Relax(d[1:m+1], p[1:m+1], cost, open, base, 5)
			if l == kernel.Generic {
				want = got
				continue
			}
			if got.least != want.least || got.at != want.at || !slices.Equal(d, want.dist) || !slices.Equal(p, want.pred) {
				t.Fatalf("%s, %d columns: %v at %d, not %v at %d", l, n, got.least, got.at, want.least, want.at)
			}
			if a, b := got.two, want.two; a.First != b.First || a.Second != b.Second ||
				!math.IsInf(a.First, 1) && a.FirstAt != b.FirstAt || !math.IsInf(a.Second, 1) && a.SecondAt != b.SecondAt {
				t.Fatalf("%s, %d columns: %+v, not %+v", l, n, a, b)
			}
		}
		// The definition against sorting.
		h := make([]float64, m)
		for j := range h {
			h[j] = float64(cost[j]) - open[j]
		}
		slices.Sort(h)
		if want.two.First != h[0] || m > 1 && want.two.Second != h[1] {
			t.Fatalf("%+v of %v", want.two, h[:2])
		}
	}
}

// Squares are those of the definition at every level.
func TestSquares(t *testing.T) {
	before := kernel.Current()
	defer kernel.Use(before)
	r := rand.New(rand.NewPCG(1, 3))
	for _, n := range []int{16, 32, 48, 160} {
		for _, dim := range []int{1, 2, 3, 21} {
			x, y := make([]float64, dim), make([]float32, dim*n)
			for k := range x {
				x[k] = float64(float32(r.NormFloat64()))
			}
			for i := range y {
				y[i] = float32(r.NormFloat64())
			}
			y[0] = float32(math.Inf(1))
			var want []float32
			for l := kernel.Generic; l <= kernel.Best(); l++ {
				kernel.Use(l)
				got := make([]float32, n+2)
				got[0], got[n+1] = 7, 7
				Squares(got[1:n+1], x, y)
				if l == kernel.Generic {
					want = got
					for j := 1; j < n; j++ {
						sum := 0.0
						for k := range x {
							sum += (x[k] - float64(y[k*n+j])) * (x[k] - float64(y[k*n+j]))
						}
						if math.Abs(float64(got[j+1])-sum) > 1e-7*sum {
							t.Errorf("column %d is %v far, not %v", j, got[j+1], sum)
						}
					}
				}
				if !slices.Equal(got, want) || got[0] != 7 || got[n+1] != 7 || !math.IsInf(float64(got[1]), 1) {
					t.Fatalf("%s, %d columns of %d: %v, not %v", l, n, dim, got, want)
				}
			}
		}
	}
}
