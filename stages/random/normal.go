package random

import "github.com/pathline/pathline/stages/internal/kernel/philox"

// Normals64 writes draws 0..len(dst)-1 of (row, step), standard normal, by the
// transform of Box and Muller (1958) on 53-bit uniforms; a block gives draws
// 2b and 2b+1:
//
//	r = sqrt(-2 ln(1-u1)), a = 2 pi u2, draws r cos a and r sin a
//
// The logarithm, sine and cosine are within 4e-16 relative and have the same bits
// on every processor.
func (k Key) Normals64(dst []float64, row uint64, step uint32) {
	philox.Normals64(dst, k.at(row, step))
}

// Normals64Rows writes Normals64 of rows first, first+1, ... to dst [rows][dim].
func (k Key) Normals64Rows(dst []float64, dim int, first uint64, rows int, step uint32) {
	philox.Normals64Rows(dst, dim, rows, k.at(first, step))
}

// Normals32 is the same transform on 32-bit uniforms u = (word + 1/2) / 2^32,
// evaluated in float64 and rounded once; a block gives four draws. Draws lie
// within 6.77 standard deviations.
func (k Key) Normals32(dst []float32, row uint64, step uint32) {
	philox.Normals32(dst, k.at(row, step))
}

// Normals32Rows writes Normals32 of rows first, first+1, ... to dst [rows][dim].
func (k Key) Normals32Rows(dst []float32, dim int, first uint64, rows int, step uint32) {
	philox.Normals32Rows(dst, dim, rows, k.at(first, step))
}
