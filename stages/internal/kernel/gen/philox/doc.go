// Command philox writes the assembly of package kernel/philox: for each
// instruction set a function per kind of draw and number of draws of a block.
//
//	machine.go    operations on lanes of 64 bits: 8 in AVX-512, 4 in AVX2
//	counter.go    the counters of the lanes and the rounds of Philox
//	convert.go    words to numbers
//	logarithm.go, circle.go, normal.go    the definitions, operation by operation
//	store.go      lanes to rows that lie apart
//
// An operation acts on a bundle of vectors that do not depend on each other,
// one instruction after another, so that one's latency is another's time.
package main
