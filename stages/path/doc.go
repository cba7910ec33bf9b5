// Package path holds the probability paths between noise (t = 0) and data
// (t = 1): how a training point x_t and its velocity u_t are made of data x1,
// noise x0 and, for bridges, a second noise e,
//
//	x_t = alpha x1 + sigma x0 + gamma e,   u_t = d/dt x_t
//
// The way of the data: a trainer draws times, asks the path for the [Coef] of
// every row (Coefficients, one call a batch), and mixes rows with [Interpolate].
// What the network is trained to say is a [Target]; [Convert] turns a prediction
// of the velocity, of the data or of the noise into any other. Exact models ask
// for coefficients and use [Coef.Marginal].
//
// Singular ends. Where a derivative of a coefficient is infinite (dsigma/dt of
// vp and linear-vp at the data end, dgamma/dt of bridge at both), Domain stops
// 1e-12 short of the end and a time beyond is moved to it. The marginal velocity
// is smooth there, since only sigma dsigma/dt enters, so holding it still over
// the last 1e-12 costs a log-density less than 1e-10 in 64 dimensions (1e-8 would
// cost 4e-9 of it). Training keeps further away, see [Interior]. [Convert] says what
// it does at its own singular ends.
//
// A field of one affine path is one of another after a [Change] of schedule.
//
// A path that is not affine is a [Sampler]: it gives x_t and u_t themselves.
//
// To add a path, write one file with a type that implements Path, a constructor
// that checks its parameters, and a line in the list of the test: the laws of
// package pathtest then hold for it or fail.
//
// References: Y. Lipman et al., "Flow matching for generative modeling", 2023
// (condot, target, vp, ve). X. Liu et al., "Flow straight and fast", 2023. M.
// Albergo, E. Vanden-Eijnden, "Building normalizing flows with stochastic
// interpolants", 2023 (cosine). A. Tong et al., "Improving and generalizing
// flow-based generative models with minibatch optimal transport", 2024 (icfm,
// bridge). Y. Song et al., "Score-based generative modeling through stochastic
// differential equations", 2021 (vp, ve). Y. Lipman et al., "Flow matching guide and
// code", 2024, section 4.6, and A. Pokle et al., "Training-free linear image inverses
// via flows", 2024 (change of schedule).
package path
