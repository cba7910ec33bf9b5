// Package philox computes random blocks, uniforms and normals for many rows, or
// for many blocks of one row, at once.
//
//	Counter   the address of the first block: key, row, step, block
//	Rows      the blocks of rows Row, Row+1, ... (mod 2^64) at this step and block
//	Draws     the blocks Block, Block+1, ... (mod 2^32) of this row and step
//
// Every function has a definition in Go, one lane after another: Philox4x32-10 in
// philox.go, the cut into uniforms in uniform.go, the transform of Box and Muller
// in normal.go on the logarithm and the sine and cosine of logarithm.go and
// circle.go. These are fixed sequences of IEEE operations in float64, so the
// loops of assembly for AVX2 and AVX-512 (kernel.Current says which runs) give
// the same bits, and so does a processor that has neither. Unlike the other
// kernels, this one may not differ in the last bit: what is drawn is part of the
// results.
//
// To add a kind of draw: its definition here for one block, the same operations
// in stages/internal/kernel/gen/philox, a line in the lists of the tests.
//
// References: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1,
// 2, 3", SC 2011; Box and Muller, "A note on the generation of random normal
// deviates", 1958; the polynomials are those of FreeBSD's msun (e_log.c, k_sin.c,
// k_cos.c), by Sun Microsystems.
package philox
