// Command vector writes the assembly of the package vector, its stubs and the
// choice between instruction sets (fast_amd64.go, fast_other.go).
//
// A function is a body over a machine: registers hold one vector, eight or
// sixteen lanes, and the same body makes both instruction sets; where they
// differ (powers of two, masks, parts of a float) machine.go hides it. loop.go
// puts a body into its loop over a slice, with a masked end that runs the same
// body, so that an element's value does not depend on where it lies.
//
// To add a function: its definition in ../../vector, its body here and an entry
// in one of the lists that functions.go joins.
//
// Polynomials are minimax fits in relative error (Remez), with the leading
// coefficients fixed where the text says 1, rounded to float32 one after the
// other from the lowest and fitted anew after each.
package main
