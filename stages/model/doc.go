// Package model holds the vector fields v(t, x) that a flow integrates: those
// that are trained (MLP, ResMLP, FFJORD, an author's own) and those known in closed
// form (GMM).
//
// The interfaces are on one page, model.go. A Definition is a configuration;
// Build turns it into a Network for rows of a given width; a trainer calls
// Gradient; solvers call Eval, likelihoods Divergence. An Exact field needs no
// training and brings its own base distribution and column names.
//
//	MLPConfig -> NewMLP -> MLP (Definition) -> Build(dim) -> Network
//	Forward -> NewNetwork(dim) -> Network
//	HeldForward -> NewHeldNetwork(dim, held) -> Network, with conditions beside x
//	GMMConfig, path.Path -> NewGMM -> *GMM (Exact)
//
// Way of the data: a network is a Forward, a program of one row on a graph of
// package autodiff. Evaluation, exact divergence, probes, loss and gradient are
// compiled from it when first used, with weights packed at Changed; a call's rows
// go through in tiles that stay in cache. Every row is computed from that row
// alone and by the same operations in the same order whatever its place, so
// results have the same bits for any batch, tile or number of workers. Memory
// comes from a pool: calls allocate nothing once warm, and any number of them may
// run at once.
//
// A network of another process is Batched: it gets whole batches, with the cut by
// which the gradient is summed, and LaneSum sums it there.
//
// To add a network: one file with its configuration and its Forward, a line in
// Register and one in Builtin (stage.go), and one in the list of network_test.go,
// the laws that every field obeys. To add an exact field: a type that implements
// Exact.
//
// References: Lipman et al., "Flow matching for generative modeling", ICLR
// 2023; Hutchinson, "A stochastic estimator of the trace of the influence
// matrix", 1990; Grathwohl et al., "FFJORD", ICLR 2019; Albergo et al.,
// "Stochastic interpolants", 2023, for mixtures of Gaussians.
package model
