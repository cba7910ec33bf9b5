// Package evaluator measures how close two sets of rows are: the data X
// [n][d] and a sample Y [m][d], both row-major float64.
//
//	X, Y -> checked -> standardised by X's mean and sd, column by column,
//	so that no unit counts (distances may be asked for in raw units)
//	-> X cut at random into two halves A and B
//	-> every metric of (A, Y) with its standard error, and of (A, B)
//
// The second number is the floor: what two sets of the same distribution give
// at these numbers of rows. A value near its floor cannot be told from
// perfect; a value below it is luck. So that the two can be compared, B and Y
// enter with the same number of rows.
//
//	wasserstein_2           W2 between as many rows of both, by exact assignment
//	wasserstein_2_squared   its square
//	sliced_wasserstein_2    W2 of the projections to random directions, root of the mean square
//	energy_distance         2 E|X-Y| - E|X-X'| - E|Y-Y'|, unbiased: may be just below 0
//	mmd_squared             maximum mean discrepancy, Gaussian kernels, unbiased
//	c2st_accuracy           held-out accuracy of a k-nearest-neighbour classifier; 0.5: cannot tell
//	mean_difference         largest difference of a column's mean, in sd of the data
//	sd_difference           largest |log of the ratio of sds| of a column
//	correlation_difference  largest difference of a correlation of two columns (d from 2 to 256)
//
// Standard errors come from the jackknife over 20 groups of rows, left out of
// both sets at once (Efron and Stein 1981), plus, for the sliced distance,
// the spread over projections; for the exact distance from the variance of its
// Kantorovich potentials; for the classifier from the binomial law. When
// both sets have the same distribution the quadratic statistics are
// degenerate and the jackknife errs on the large side, by up to a factor of
// about 1.4.
//
// The cost is bounded: no more than Options.QuadraticRows rows of a set enter
// the metrics that look at all pairs, no more than Options.SlicedRows the
// sliced distance, no more than Options.ExactRows the exact one, chosen by a keyed
// permutation; every Metric says how many rows it saw. Sums have a fixed order: the bits do not depend on Workers.
//
// Beside it: [Gaussian], the mean log-density of rows under a Gaussian fitted to others, the
// baseline of every density; and the evaluator paths, how straight a flow's trajectories are (path energy,
// transport cost, evaluations).
//
// To add a metric: write it over rows, append it in TwoSample, give its closed
// form or an inequality in the tests, and a sentence in the report's glossary.
//
// References: N. Bonneel et al., "Sliced and Radon Wasserstein barycenters of
// measures", 2015; G. Szekely and M. Rizzo, "Energy statistics", 2013,
// equation 4.1; A. Gretton et al., "A kernel two-sample test", JMLR 2012,
// equations 3 and 5 and section 8 (median heuristic); E. del Barrio and J. Loubes,
// "Central limit theorems for empirical transportation cost in general
// dimension", 2019; D. Lopez-Paz and M. Oquab,
// "Revisiting classifier two-sample tests", ICLR 2017.
package evaluator
