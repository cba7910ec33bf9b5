//go:build !purego

package matrix

import "github.com/pathline/pathline/stages/internal/kernel"

// copyRows copies a matrix [rows][columns] to rows as wide as a panel, zero
// padded. Nothing is empty.
func copyRows(level kernel.Level, dst []float32, width int, src []float32, ld, rows, columns int) {
	to, from := &dst[:rows*width][0], &src[:(rows-1)*ld+columns][0]
	mask, _ := kernels{level: level}.lanes(width, columns)
	switch {
	case level == kernel.AVX512 && width == 32:
		copyRows32AVX512(to, from, 4*ld, rows, mask)
	case level == kernel.AVX512 && width == 16:
		copyRows16AVX512(to, from, 4*ld, rows, mask)
	case level == kernel.AVX512:
		copyRows8AVX512(to, from, 4*ld, rows, mask)
	case level == kernel.AVX2 && columns == 16:
		copyRows16AVX2(to, from, 4*ld, rows)
	case level == kernel.AVX2 && columns == 8:
		copyRows8AVX2(to, from, 4*ld, rows)
	default:
		copyRowsGeneric(dst, width, src, ld, rows, columns)
	}
}

// transpose writes the transpose of a matrix [rows][columns], whose rows are as
// wide as a panel, zero padded. Nothing is empty.
func transpose(level kernel.Level, dst []float32, width int, src []float32, ld, rows, columns int) {
	dst, src = dst[:columns*width], src[:(rows-1)*ld+columns]
	switch level {
	case kernel.AVX512:
		mask := uint64(1)<<min(width, 16) - 1
		transpose16AVX512(&dst[0], &src[0], 4*width, 4*ld, min(rows, 16), columns, mask)
		if width == 32 {
			transpose16AVX512(&dst[16], &src[16*ld], 4*width, 4*ld, rows-16, columns, mask)
		}
	case kernel.AVX2:
		blocks := columns / 8
		if rows < width || blocks == 0 {
			transposeGeneric(dst, width, src, ld, rows, columns, 0)
			return
		}
		for j := 0; j < width; j += 8 {
			transpose8AVX2(&dst[j], &src[j*ld], 4*width, 4*ld, blocks)
		}
		transposeGeneric(dst, width, src, ld, rows, columns, 8*blocks)
	default:
		transposeGeneric(dst, width, src, ld, rows, columns, 0)
	}
}
