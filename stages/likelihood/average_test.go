package likelihood

import (
	"math"
	"testing"
)

// The average of draws is that of all of them at once, in any order, and a draw that
// has no density, or no score, counts as what it is.
func TestAverage(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct{ l, se []float64 }{
		{[]float64{-3, -2, -5, -2.5}, []float64{0.1, 0.2, 0.3, 0.4}},
		{[]float64{-1000, -1003, -990}, []float64{0.1, 0, 0.3}}, // whose exponentials are 0
		{[]float64{-2, -2, -2}, []float64{0, 0, 0}},
		{[]float64{-inf, -3, -inf, -4}, []float64{0, 0.1, 0, 0.2}},
		{[]float64{-1, nan, -2}, []float64{0, nan, 0}},
		{[]float64{-inf, -inf}, []float64{0, 0}},
	} {
		for range c.l {
			a := newAverage(1)
			most := math.Inf(-1)
			for k, l := range c.l {
				a.add([]float64{l}, []float64{c.se[k]})
				if most = max(most, l); math.IsNaN(l) {
					most = nan
				}
			}
			var got, se [1]float64
			a.write(got[:], se[:], len(c.l))
			sum, square := 0.0, 0.0
			for k, l := range c.l {
				if w := math.Exp(l - most); !math.IsInf(l, -1) {
					sum, square = sum+w, square+w*w*c.se[k]*c.se[k]
				}
			}
			want, wantSE := most+math.Log(sum/float64(len(c.l))), math.Sqrt(square)/sum
			same := func(a, b float64) bool {
				return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) < 1e-12*(1+math.Abs(b))
			}
			if !same(got[0], want) || sum > 0 && !same(se[0], wantSE) {
				t.Errorf("%v: %v +- %v, want %v +- %v", c.l, got[0], se[0], want, wantSE)
			}
			c.l, c.se = append(c.l[1:len(c.l):len(c.l)], c.l[0]), append(c.se[1:len(c.se):len(c.se)], c.se[0])
		}
	}
}

// Directions beyond those that make Hutch++ exact would be drawn, held and multiplied
// for nothing.
func TestTraceWithin(t *testing.T) {
	for _, c := range []struct{ probes, dim, want int }{{12, 20, 12}, {12, 4, 12}, {300, 4, 12}, {300, 1, 6}, {3, 1, 3}} {
		if got := (Trace{Probes: c.probes, HutchPP: true}).within(c.dim).Probes; got != c.want {
			t.Errorf("%d of %d columns: %d", c.probes, c.dim, got)
		}
		if got := (Trace{Probes: c.probes}).within(c.dim).Probes; got != c.probes {
			t.Errorf("Hutchinson's %d became %d", c.probes, got)
		}
	}
}
