// Package bijectiontest holds the laws that every bijection obeys, whatever its
// layers: it is undone by its inverse, its log-determinant is that of its
// Jacobian, both directions agree on it, its gradient is the limit of
// differences, and a row does not depend on the rows beside it.
//
// The way of the data: a test makes a network of a layer and calls [Test], which
// draws weights and rows, and compares float32 programs, the float64 form and
// differences with each other.
//
// To add a law: a line in Laws, with a sentence of the contract.
package bijectiontest
