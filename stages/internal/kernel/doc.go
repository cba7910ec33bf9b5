// Package kernel chooses the instruction set of the loops that are worth
// assembly. The loops themselves lie below:
//
//	matrix   products of row-major matrices with packed weights
//	vector   elementwise functions, reductions and Runge-Kutta updates
//	philox   random blocks, uniforms and normals for many rows at once
//	update   steps of optimisers, averages of weights
//	pause    the wait of a core for another one
//
// Every loop has a definition in Go, which runs where there is no assembly, and
// versions for AVX2 with FMA and for AVX-512. They are written by the generator
// in gen (a module of its own, so that no build needs it) and are left out by
// the build tag purego. The choice is made once, when the program starts: the
// best that the processor has, or what PATHLINE_KERNEL says (avx512, avx2,
// generic). Tests switch with Use.
//
// Results have the same bits for one instruction set whatever the cut of the
// work; between instruction sets the last bits differ, except for philox and
// update, which have the same bits everywhere.
package kernel
