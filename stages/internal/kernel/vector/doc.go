// Package vector has elementwise functions, sums and Runge-Kutta updates over
// slices of float32.
//
// Every function has a definition in Go: functions of one variable are computed
// in float64 and rounded once. Where the processor has more, a loop of assembly
// takes the work first (kernel.Current says which), see the files *_amd64.s.
//
// A destination may be one of its operands, the same slice from the same
// element; otherwise slices do not overlap. Operands may be longer than the
// destination, whose length counts; a shorter one panics. The value of one
// element depends neither on its position nor on the length nor on alignment,
// so a cut of the work changes no bit; between instruction sets the last bits
// differ. Sums over a row have an order that depends on the row's length only.
package vector
