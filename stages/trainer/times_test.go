package trainer

import (
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

// distance is that of Kolmogorov and Smirnov between values and a law.
func distance(x []float64, cdf func(float64) float64) float64 {
	x = slices.Sorted(slices.Values(x))
	n, d := float64(len(x)), 0.0
	for i, v := range x {
		d = max(d, math.Abs(cdf(v)-float64(i)/n), math.Abs(cdf(v)-float64(i+1)/n))
	}
	return d
}

func TestLawsOfTimes(t *testing.T) {
	uniform := func(x float64) float64 { return x }
	logitNormal := func(mean, std float64) func(float64) float64 {
		return func(x float64) float64 { return math.Erfc(-(math.Log(x/(1-x))-mean)/std/math.Sqrt2) / 2 }
	}
	beta := func(a, b float64) func(float64) float64 { return distuv.Beta{Alpha: a, Beta: b}.CDF }
	for _, c := range []struct {
		sampler TimeSampler
		cdf     func(float64) float64
	}{
		{Uniform{}, uniform}, {Stratified{}, uniform},
		{LogitNormal{0, 1}, logitNormal(0, 1)}, {LogitNormal{-1, 0.5}, logitNormal(-1, 0.5)},
		{Antithetic{}, uniform}, {Beta{1, 1}, uniform}, {Beta{1.5, 1}, beta(1.5, 1)}, {Beta{0.3, 4}, beta(0.3, 4)},
	} {
		key := NewKeys(3, "s").Time
		const batch, steps = 50, 400
		var all, third []float64
		whole := make([]float64, batch*2)
		c.sampler.Times(whole[:batch], key, 0, 0, batch)
		for k := range steps {
			ts := make([]float64, batch)
			c.sampler.Times(ts[:7], key, uint64(k*batch), 0, batch) // cut in two
			c.sampler.Times(ts[7:], key, uint64(k*batch+7), 7, batch)
			if k == 0 && !slices.Equal(ts, whole[:batch]) {
				t.Errorf("%T: the same address gives other times", c.sampler)
			}
			if _, ok := c.sampler.(Antithetic); ok {
				for i := 0; i < batch; i += 2 {
					if v := ts[i] + ts[i+1]; math.Abs(v-1) > 1e-15 {
						t.Fatalf("times %v and %v are no pair", ts[i], ts[i+1])
					}
				}
			}
			all, third = append(all, ts...), append(third, ts[3])
			for _, v := range ts {
				if !(v >= 0 && v < 1) {
					t.Fatalf("%T: time %v", c.sampler, v)
				}
			}
			if _, ok := c.sampler.(Stratified); ok {
				for i, v := range ts {
					if int(v*batch) != i {
						t.Fatalf("time %v is not in part %d of %d", v, i, batch)
					}
				}
			}
		}
		if _, ok := c.sampler.(Antithetic); ok { // the others of the pairs say nothing new
			for k := range len(all) / 2 {
				all[k] = all[2*k]
			}
			all = all[:len(all)/2]
		}
		// 1.95/sqrt(n) is exceeded once in a thousand.
		if d := distance(all, c.cdf); d > 1.95/math.Sqrt(float64(len(all))) {
			t.Errorf("%T: distance %v from its law", c.sampler, d)
		}
		if _, ok := c.sampler.(Stratified); !ok {
			if d := distance(third, c.cdf); d > 1.95/math.Sqrt(steps) {
				t.Errorf("%T: distance %v of one place of the batch from the law", c.sampler, d)
			}
		}
	}
}
