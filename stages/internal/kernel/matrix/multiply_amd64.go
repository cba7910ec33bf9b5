//go:build !purego

package matrix

import (
	"unsafe"

	"github.com/pathline/pathline/stages/internal/kernel"
)

// multiplyDepth is how much of the summed index is done before the next panel.
const multiplyDepth = 512

// multiplyBlock is how much of A stays in the second-level cache while one
// panel after another is multiplied with it, in float32.
const multiplyBlock = 1 << 16

// zeros is a start.
var zeros [64]float32

// multiplyTiles is Multiply for sizes of at least 1.
func multiplyTiles(c []float32, ldc int, a []float32, lda int, b *Packed, m int, bias []float32, add bool) {
	s := kernels{level: b.level}
	most := s.mostRows()
	block := max(1, multiplyBlock/b.k/most) * most
	for l := 0; l < b.k; l += multiplyDepth {
		for i := 0; i < m; i += block {
			rows := share(min(block, m-i), most)
			for column, number := 0, 0; column < b.n; number++ {
				panel, width := b.panel(column)
				span := b.span(number)
				from, to := max(l, span.Lo), min(l+multiplyDepth, span.Hi)
				if from >= to {
					column += width
					continue
				}
				t := tile{
					c: unsafe.Pointer(&c[i*ldc+column]), ldc: 4 * uintptr(ldc),
					a: unsafe.Pointer(&a[i*lda+from]), lda: 4 * uintptr(lda),
					b: unsafe.Pointer(&panel[from*width]), k: uintptr(to - from),
				}
				switch {
				case add || from > span.Lo:
					t.start, t.ldstart = t.c, t.ldc
				case bias != nil:
					t.start = unsafe.Pointer(&bias[column])
				default:
					t.start = unsafe.Pointer(&zeros)
				}
				if columns := s.wide(m); columns > width && column+columns <= b.n && len(b.spans) == 0 {
					t.ldb = 4 * uintptr(b.k*width)
					s.callWide(&t, m)
					column += columns
					continue
				}
				s.panel(t, rows, width, min(width, b.n-column))
				column += width
			}
		}
	}
}

// wide is how many columns the wide tile for that many rows has, or 0.
func (s kernels) wide(rows int) int {
	switch {
	case rows == 1 || rows == 2 && s.level == kernel.AVX512:
		return 64
	case rows == 2:
		return 32
	}
	return 0
}

// callWide computes that many rows of several full panels.
func (s kernels) callWide(t *tile, rows int) {
	switch {
	case s.level == kernel.AVX512 && rows == 1:
		wide1x64AVX512(t)
	case s.level == kernel.AVX512:
		wide2x64AVX512(t)
	case rows == 1:
		wide1x64AVX2(t)
	default:
		wide2x32AVX2(t)
	}
}
