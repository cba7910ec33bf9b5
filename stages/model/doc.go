// Package model holds the vector fields v(t, x) that a flow integrates: those
// that are trained (MLP) and those known in closed form (GMM).
//
// The interfaces are on one page, model.go. A Definition is a configuration;
// Build turns it into a Network for rows of a given width; a trainer calls
// Gradient; solvers call Eval, likelihoods Divergence. An Exact field needs no
// training and brings its own base distribution and column names.
//
//	MLPConfig -> NewMLP -> MLP (Definition) -> Build(dim) -> Network
//	GMMConfig, path.Path -> NewGMM -> *GMM (Exact)
//
// Way of the data: a call's rows are taken 64 at a time, so that activations
// stay in cache; within a block a layer is one matrix product. Every row is
// computed from that row alone and by the same operations in the same order
// whatever its place, so results have the same bits for any batch, tile or
// number of workers. Scratch memory comes from a pool: calls allocate nothing
// once warm, and any number of them may run at once.
//
// To add a field: one file with a type that implements Network (or Exact), one
// line in the registry, and one line in the test that hands it to
// modeltest.Test, the laws that every field obeys.
//
// References: Lipman et al., "Flow matching for generative modeling", ICLR
// 2023; Hutchinson, "A stochastic estimator of the trace of the influence
// matrix", 1990; Grathwohl et al., "FFJORD", ICLR 2019; Albergo et al.,
// "Stochastic interpolants", 2023, for mixtures of Gaussians.
package model
