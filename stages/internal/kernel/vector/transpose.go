package vector

// Transpose writes src, rows by cols with rows ldsrc apart, to dst, cols by rows
// with rows lddst apart. The two do not overlap.
func Transpose(dst []float32, lddst int, src []float32, ldsrc, rows, cols int) {
	matrix(src, ldsrc, rows, cols)
	matrix(dst, lddst, cols, rows)
	if fastTranspose(dst, lddst, src, ldsrc, rows, cols) {
		return
	}
	const block = 16 // 16 lines of 64 bytes to read, 16 to write
	for r0 := 0; r0 < rows; r0 += block {
		r1 := min(r0+block, rows)
		for c := range cols {
			to := dst[c*lddst+r0:][:r1-r0]
			for i := range to {
				to[i] = src[(r0+i)*ldsrc+c]
			}
		}
	}
}
