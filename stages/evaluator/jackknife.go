package evaluator

import "math"

// jackknife is the delete-a-group standard error from the g statistics that
// are left when one group of rows is left out:
//
//	se^2 = (g-1)/g sum_i (theta_i - mean theta)^2
func jackknife(theta []float64) float64 {
	g := float64(len(theta))
	mean, square := 0.0, 0.0
	for _, v := range theta {
		mean += v / g
	}
	for _, v := range theta {
		square += (v - mean) * (v - mean)
	}
	return math.Sqrt((g - 1) / g * square)
}

// groupCount is how many groups of at least two rows sets of ra and rb rows
// are cut into.
func groupCount(ra, rb int) int { return min(groups, ra/2, rb/2) }

// bounds are the rows lo <= i < hi of group g out of count.
func bounds(g, count, rows int) (lo, hi int) {
	return g * rows / count, (g + 1) * rows / count
}
