// Package likelihood scores rows of data under a flow:
//
//	log p(x) = log p0(x(0)) - ∫_0^1 div v(t, x(t)) dt + log|det dz/dx|
//
// where z is x in model space, x(1) = z, and x(t) follows the flow's field (the
// instantaneous change of variables, Chen et al. 2018, theorem 1).
//
// The way of the data: a batch's numbers are taken from its columns by name,
// the transforms are applied in float64 with their log-determinants, a solver
// moves the rows from t = 1 to t = 0 and integrates the divergence along the
// way, the base gives its log-density, and log_prob is appended to the columns
// that came, which keep their bits. What a batch holds and how many processors
// solve it changes no bit of a row's score.
//
// The divergence is exact, or estimated by K probes per row that stay fixed
// over the whole solve (Hutchinson 1990; Grathwohl et al. 2019, eq. 8; or Hutch++,
// Meyer et al. 2021): then log_prob has a standard error. See [Trace]. [Generate]
// does the same on the way from the base to data, for new rows, and [LogMeanProb]
// averages over draws of what dequantises rows.
//
// To add a likelihood, write it as a function like [LogProb] and register it in
// stage.go beside `ode`.
//
// References: R. Chen et al., "Neural ordinary differential equations", NeurIPS
// 2018; W. Grathwohl et al., "FFJORD", ICLR 2019; M. Hutchinson, "A stochastic
// estimator of the trace of the influence matrix for Laplacian smoothing
// splines", 1990; H. Avron, S. Toledo, "Randomized algorithms for estimating the
// trace of an implicit symmetric positive semi-definite matrix", 2011; R. Meyer et
// al., "Hutch++: optimal stochastic trace estimation", 2021.
package likelihood
