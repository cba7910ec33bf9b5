//go:build !purego

package matrix

import (
	"unsafe"

	"github.com/pathline/pathline/stages/internal/kernel"
)

// transposedDepth is how much of the summed index is done before the next
// strip of B.
const transposedDepth = 128

// addTransposedTiles is AddTransposed for sizes of at least 1. Each strip of
// columns of B is copied first, as rows that follow each other: rows of B that
// are a power of two apart would lie in few sets of the first-level cache.
func addTransposedTiles(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, m, n, k int) {
	s := kernels{level: kernel.Current(), transposed: true}
	var room [transposedDepth*32 + line]float32
	strip := room[aligned(&room[0]):]
	for l := 0; l < k; l += transposedDepth {
		rows := min(transposedDepth, k-l)
		for column := 0; column < n; {
			width := panelWidth(s.level, n, column)
			columns := min(width, n-column)
			t := tile{
				c: unsafe.Pointer(&c[column]), ldc: 4 * uintptr(ldc),
				start: unsafe.Pointer(&c[column]), ldstart: 4 * uintptr(ldc),
				a: unsafe.Pointer(&a[l*lda]), lda: 4 * uintptr(lda),
				k: uintptr(rows),
			}
			if s.level == kernel.AVX512 && m <= s.mostRows() {
				t.b, t.ldb = unsafe.Pointer(&b[l*ldb+column]), 4*uintptr(ldb)
			} else {
				copyRows(s.level, strip, width, b[l*ldb+column:], ldb, rows, columns)
				t.b, t.ldb = unsafe.Pointer(&strip[0]), 4*uintptr(width)
			}
			s.panel(t, m, width, columns)
			column += width
		}
	}
}
