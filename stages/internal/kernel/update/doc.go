// Package update has the loops of optimisers over slices of float32: a weight, its
// gradient and what is kept of the steps before, element by element.
//
// Arithmetic is float32 with fused products, the scalars of a step are computed in
// float64 by the caller and rounded once. The average of weights and the scaling
// of gradients are float64, rounded where they are stored.
//
// Every function has a definition in Go. Where the processor has more, a loop of
// assembly takes the work (kernel.Current says which) with the same operations in
// the same order, each rounded once: the bits are the same at every level. All
// slices of a call have the length of the first one or more, and do not overlap.
// An element depends on nothing but its own values, so that a cut of the work
// changes nothing.
//
// To add a rule: its definition here, the same operations in
// stages/internal/kernel/gen/update, a line in the list of the tests.
//
// References: Kingma and Ba, "Adam", 2015; Loshchilov and Hutter, "Decoupled
// weight decay regularization", 2019; Chen et al., "Symbolic discovery of
// optimization algorithms" (Lion), 2023; Boldo and Melquiond, "Emulation of FMA
// and correctly rounded sums", 2008, for the fused product in Go.
package update
