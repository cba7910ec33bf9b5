package vector

// Transpose writes src, rows by cols with rows ldsrc apart, to dst, cols by rows
// with rows lddst apart. The two do not overlap.
func Transpose(dst []float32, lddst int, src []float32, ldsrc, rows, cols int) {
	matrix(src, ldsrc, rows, cols)
	matrix(dst, lddst, cols, rows)
	r, c := rows&^7, cols&^7
	if !fastBlocks(dst, lddst, src, ldsrc, r, c) {
		r = 0
	}
	transpose(dst, lddst, src, ldsrc, 0, r, c, cols)
	transpose(dst, lddst, src, ldsrc, r, rows, 0, cols)
}

// transpose does rows r0 to r1 and columns c0 to c1, sixteen rows at a time: as
// many lines to read as one to write has elements.
func transpose(dst []float32, lddst int, src []float32, ldsrc, r0, r1, c0, c1 int) {
	const block = 16
	for ; r0 < r1; r0 += block {
		n := min(block, r1-r0)
		for c := c0; c < c1; c++ {
			to := dst[c*lddst+r0:][:n]
			for i := range to {
				to[i] = src[(r0+i)*ldsrc+c]
			}
		}
	}
}
