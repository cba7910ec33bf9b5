package evaluator

import (
	"math"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/random"
)

// The integral of quantile functions against its definition: both sets
// repeated to one size, sorted, and compared place by place.
func TestQuantileDistance(t *testing.T) {
	for _, c := range [][2]int{{1, 1}, {5, 5}, {4, 6}, {7, 3}, {1, 9}} {
		a, b := places(1, c[0]), places(2, c[1])
		var la, lb []float64
		for i := range c[0] * c[1] {
			la, lb = append(la, a[i/c[1]].v), append(lb, b[i/c[0]].v)
		}
		want := 0.0
		for i := range la {
			want += (la[i] - lb[i]) * (la[i] - lb[i]) / float64(len(la))
		}
		if got := quantileDistance(a, b); math.Abs(got-want) > 1e-12 {
			t.Errorf("%v rows: %v, want %v", c, got, want)
		}
	}
}

func places(seed uint64, n int) (p []place) {
	v := make([]float64, n)
	random.NewKey(seed, "test", "places").Normals64(v, 0, 0)
	slices.Sort(v)
	for _, x := range v {
		p = append(p, place{v: x})
	}
	return p
}

func TestSmallest(t *testing.T) {
	v := make([]float64, 300)
	random.Key(4).Uniforms(v, 0, 0)
	for i := range v {
		v[i] = math.Floor(v[i] * 40) // ties
	}
	sorted := slices.Clone(v)
	slices.Sort(sorted)
	for k := 1; k <= len(v); k++ {
		if got := smallest(slices.Clone(v), k); got != sorted[k-1] {
			t.Fatalf("place %d: %v, want %v", k, got, sorted[k-1])
		}
	}
}

// Where training rows tie, the vote does not depend on their order.
func TestVoteSharesTies(t *testing.T) {
	near := []neighbour{{0, 1}, {1, 1}, {1, 0}, {1, 0}, {1, 0}, {5, 1}}
	for range near {
		near = append(near[1:], near[0])
		// one certain x, two places shared by one x of four
		if got, want := vote(near, 3, nil), (1+2*0.25)/3; math.Abs(got-want) > 1e-15 {
			t.Errorf("vote %v, want %v", got, want)
		}
	}
}

func TestMixture(t *testing.T) {
	for _, u := range []float64{0, 0.3, 2, 50, 1e9} {
		want := 0.0
		for _, f := range []float64{4, 2, 1, 0.5, 0.25} {
			want += math.Exp(-u/(f*f)) / 5
		}
		if got := mixture(u); math.Abs(got-want) > 1e-14 {
			t.Errorf("mixture(%v) = %v, want %v", u, got, want)
		}
	}
}

// The halves of the data share no row.
func TestHalvesAreDisjoint(t *testing.T) {
	const n = 101
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(i)
	}
	tr := trio{x, x, n, n, 1, units{[]float64{0}, []float64{1}}, Options{Key: 8}}
	for _, limit := range []int{4, 30, 1000} {
		s := tr.cut(limit)
		seen := map[float64]bool{}
		for _, v := range slices.Concat(s.a, s.b) {
			if seen[v] {
				t.Fatalf("limit %d: row %v twice", limit, v)
			}
			seen[v] = true
		}
		if len(s.b) != len(s.y) || len(s.a) != s.ra || len(s.b) != s.rb {
			t.Fatalf("limit %d: %d, %d and %d rows", limit, len(s.a), len(s.b), len(s.y))
		}
	}
}
