// Package cnf trains continuous normalizing flows by maximum likelihood: it gives
// the gradient of
//
//	-log p(x) = -log p0(x(0)) + ∫_0^1 div v(t, x(t)) dt,   x(1) = x
//
// for the weights of a vector field v (Chen et al. 2018, theorem 1), with the
// regularisers of Finlay et al. (2020).
//
// The way of a tile of rows:
//
//	rows x            -> solver        from t = 1 to t = 0, with the integrals of the divergence
//	                                   and of the regularisers
//	x(0)              -> Base          log-density and its gradient, the cotangent of x(0)
//	cotangents        -> solver.Tape   back along the steps, or
//	                     solver.Adjoint  by a second solve
//	   at each stage  -> model.Reversible  the cotangent of x, and the weights' derivatives,
//	                                   added to the gradient of the tile's lane
//
// Through the steps is the default: it is the derivative of the loss that was computed,
// and no looser for few steps. The adjoint holds no states. See
// docs/guides/training-a-cnf.md for when which and what it costs.
//
// The divergence is exact, or estimated by probes that are fixed for a row during one
// evaluation of its loss and new at the next (Hutchinson 1990; Grathwohl et al. 2019,
// FFJORD, eq. 8): then loss and gradient are unbiased.
//
// To add a regulariser: an integrand in stages/model, its coefficient in Loss.
//
// References: R. Chen et al., "Neural ordinary differential equations", NeurIPS 2018;
// W. Grathwohl et al., "FFJORD", ICLR 2019; C. Finlay et al., "How to train your neural
// ODE: the world of Jacobian and kinetic regularization", ICML 2020; P. Kidger, R. Chen
// and T. Lyons, "Hey, that's not an ODE: faster ODE adjoints via seminorms", 2021.
package cnf
