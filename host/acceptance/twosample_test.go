package acceptance

import (
	"math"
	"slices"
)

// twoSample is the p-value, corrected for the number of tests (Bonferroni), of
// Kolmogorov-Smirnov tests between two sets of rows (as columns, two of them)
// along 16 directions of the plane and of their distances from 8 points.
func twoSample(a, b [][]float64) float64 {
	const directions, points = 16, 8
	p := 1.0
	compare := func(f func(x, y float64) float64) {
		p = min(p, kolmogorovSmirnov(project(a, f), project(b, f))*(directions+points))
	}
	for i := range directions {
		s, c := math.Sincos(math.Pi * float64(i) / directions)
		compare(func(x, y float64) float64 { return c*x + s*y })
	}
	for i := range points {
		s, c := math.Sincos(2 * math.Pi * float64(i) / points)
		compare(func(x, y float64) float64 { return math.Hypot(x-1.5*c, y-1.5*s) })
	}
	return min(p, 1)
}

func project(columns [][]float64, f func(x, y float64) float64) []float64 {
	out := make([]float64, len(columns[0]))
	for i := range out {
		out[i] = f(columns[0][i], columns[1][i])
	}
	slices.Sort(out)
	return out
}

// kolmogorovSmirnov is the asymptotic p-value of the greatest difference
// between two empirical distribution functions; a and b are sorted.
// Numerical Recipes, 3rd edition, section 14.3.3.
func kolmogorovSmirnov(a, b []float64) float64 {
	n, m, d := float64(len(a)), float64(len(b)), 0.0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		x := min(a[i], b[j])
		for i < len(a) && a[i] == x {
			i++
		}
		for j < len(b) && b[j] == x {
			j++
		}
		if x != x {
			return 0 // a NaN is in no distribution
		}
		d = max(d, math.Abs(float64(i)/n-float64(j)/m))
	}
	root := math.Sqrt(n * m / (n + m))
	lambda := (root + 0.12 + 0.11/root) * d
	p := 0.0
	for k := 1; k <= 100; k++ {
		p += 2 * math.Pow(-1, float64(k-1)) * math.Exp(-2*float64(k*k)*lambda*lambda)
	}
	if lambda < 0.2 {
		return 1 // the series converges slowly, the value is 1 to 1e-10
	}
	return min(max(p, 0), 1)
}
