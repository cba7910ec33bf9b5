// Package transform holds what is fitted on training rows and stands between
// data columns and model space: a [Fitted] bijection of rows with its
// log-determinant.
//
// The way of the data: a loader's columns become one matrix of float64 (package
// schemas), a fit looks at the training rows once, in one pass that keeps a
// block of them; then Apply turns every batch into the vector column x of
// float32 that trainers read. The fitted state is a JSON value that travels
// with the rows (schemas.MetaTransforms) into the flow file. A sampler calls
// Invert, a likelihood Apply with logdet, so that nobody has to remember to.
//
// To add a transform: one file with a type that implements [Fitted] and a
// [Method] that fits and restores it, an entry in the list builtins, and a line
// in the test that hands it to transformtest.Test, the laws that every transform
// obeys. A plugin calls [Add] instead; flows then name it as PLUGIN/NAME.
//
// References: every transform names its own; T. Chan, G. Golub, R. LeVeque,
// "Updating formulae and a pairwise algorithm for computing sample variances",
// 1979 (the fits of Standardize and Whiten).
package transform
