// Command matrix writes the assembly of the package matrix and its stubs: run
// it in the module gen as go run ./matrix. What it writes is committed.
//
//	shape.go      the shapes of tiles for each instruction set
//	tile.go       a block of rows by a panel, for both products
//	operand.go    its registers and addresses
//	wide.go       one or two rows by several panels
//	pack.go       copies and transposes
//	peak.go       multiply-adds that do not wait
//	choice.go     the Go switch from a shape to its function
//
// A shape of tiles is a line in avx512 or avx2 (shape.go); 14 x 32 takes 28 of 32
// registers for sums, two for B and two for elements of A.
package main
