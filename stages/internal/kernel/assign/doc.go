// Package assign has the loops over the columns of a row that solving an
// assignment problem is made of: reduced costs, cost - dual, of a whole row, and
// costs that are squared distances.
//
// Costs are float32; duals, distances and everything computed are float64, in the
// order of the definitions, so that results have the same bits at every level.
// Slices have a length that is a multiple of [Columns]; the caller pads costs with
// anything finite and duals with -Inf, which makes a column infinitely far.
//
// Every function has a definition in Go. Where the processor has more, a loop of
// assembly takes the work (kernel.Current says which).
//
// References: Jonker and Volgenant, "A shortest augmenting path algorithm for
// dense and sparse linear assignment problems", Computing 38, 1987.
package assign
