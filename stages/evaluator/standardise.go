package evaluator

import (
	"fmt"
	"math"
)

// far is how many units from the data's mean a value may lie. Its square
// times any number of rows and columns is still finite.
const far = 1e100

// units is the affine map of each column by which the data get mean 0, sd 1.
type units struct{ mean, sd []float64 }

func measure(x []float64, n, d int) (units, error) {
	u := units{mean: make([]float64, d), sd: make([]float64, d)}
	for j := range d {
		// Scaled by the largest value, so that no square overflows or
		// vanishes; a column is constant when no two values differ.
		scale, differs := 0.0, false
		for i := range n {
			scale = max(scale, math.Abs(x[i*d+j]))
			differs = differs || x[i*d+j] != x[j]
		}
		if !differs {
			return u, &ValueError{"data", -1, j, "every row has the same value, so there is no unit to measure a difference in; leave the column out"}
		}
		sum := 0.0
		for i := range n {
			sum += x[i*d+j] / scale
		}
		mean, square := sum/float64(n), 0.0
		for i := range n {
			v := x[i*d+j]/scale - mean
			square += v * v
		}
		u.mean[j], u.sd[j] = mean*scale, math.Sqrt(square/float64(n-1))*scale
		if u.sd[j] == 0 || math.IsInf(u.sd[j], 0) {
			return u, &ValueError{"data", -1, j, "the standard deviation is outside the range of float64"}
		}
	}
	return u, nil
}

// raw are the same units without the scale: the data's own, from their mean.
func (u units) raw() units {
	one := make([]float64, len(u.sd))
	for j := range one {
		one[j] = 1
	}
	return units{u.mean, one}
}

// choose is rows [rows][d] of x in units u: the rows that pick says.
func (u units) choose(x []float64, rows int, pick func(i int) int) []float64 {
	d := len(u.mean)
	z := make([]float64, rows*d)
	for i := range rows {
		r := pick(i) * d
		for j := range d {
			z[i*d+j] = (x[r+j] - u.mean[j]) / u.sd[j]
		}
	}
	return z
}

// finite reports the first value that no metric can use.
func finite(set string, x []float64, d int) error {
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return &ValueError{set, i / d, i % d, fmt.Sprintf("the value is %v", v)}
		}
	}
	return nil
}

func (u units) near(set string, x []float64) error {
	d := len(u.mean)
	for i, v := range x {
		if z := v/u.sd[i%d] - u.mean[i%d]/u.sd[i%d]; !(math.Abs(z) < far) {
			return &ValueError{set, i / d, i % d, fmt.Sprintf("the value %v is %.2g units away from the mean of the data", v, z)}
		}
	}
	return nil
}
