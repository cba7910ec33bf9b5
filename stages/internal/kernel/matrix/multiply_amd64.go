//go:build !purego

package matrix

import "unsafe"

// multiplyDepth is how much of the summed index is done before the next panel.
const multiplyDepth = 512

// multiplyBlock is how much of A stays in the second-level cache while one
// panel after another is multiplied with it, in float32.
const multiplyBlock = 1 << 16

// zeros is a start.
var zeros [32]float32

// multiplyTiles is Multiply for sizes of at least 1.
func multiplyTiles(c []float32, ldc int, a []float32, lda int, b *Packed, m int, bias []float32, add bool) {
	s := kernels{level: b.level}
	most := s.mostRows()
	block := max(1, multiplyBlock/b.k/most) * most
	for l := 0; l < b.k; l += multiplyDepth {
		for i := 0; i < m; i += block {
			for column := 0; column < b.n; {
				panel, width := b.panel(column)
				t := tile{
					c: unsafe.Pointer(&c[i*ldc+column]), ldc: 4 * uintptr(ldc),
					a: unsafe.Pointer(&a[i*lda+l]), lda: 4 * uintptr(lda),
					b: unsafe.Pointer(&panel[l*width]), k: uintptr(min(multiplyDepth, b.k-l)),
				}
				switch {
				case add || l > 0:
					t.start, t.ldstart = t.c, t.ldc
				case bias != nil:
					t.start = unsafe.Pointer(&bias[column])
				default:
					t.start = unsafe.Pointer(&zeros)
				}
				s.panel(t, min(block, m-i), width, min(width, b.n-column))
				column += width
			}
		}
	}
}
