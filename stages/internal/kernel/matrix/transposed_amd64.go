//go:build !purego

package matrix

import (
	"unsafe"

	"github.com/pathline/pathline/stages/internal/kernel"
)

// transposedDepth is how much of the summed index is done before the next
// columns of B, so that these stay in the first-level cache.
const transposedDepth = 256

// addTransposedTiles is AddTransposed for sizes of at least 1. B is read where
// it stands: a row of a tile is 2 cache lines for 28 multiply-adds, which the
// processor fetches ahead as well as from a packed copy.
func addTransposedTiles(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, m, n, k int, within *Pattern) {
	s := kernels{level: kernel.Current(), transposed: true}
	for l := 0; l < k; l += transposedDepth {
		depth := min(transposedDepth, k-l)
		if s.turned(m, n) {
			s.addTurned(c, ldc, a[l*lda:], lda, b[l*ldb:], ldb, m, n, depth, within)
			continue
		}
		for column := 0; column < n; {
			width := panelWidth(s.level, n, column)
			span := within.inColumns(column, width, m)
			at := unsafe.Pointer(&c[span.Lo*ldc+column])
			s.strip(tile{
				c: at, ldc: 4 * uintptr(ldc), start: at, ldstart: 4 * uintptr(ldc),
				a: unsafe.Pointer(&a[l*lda+span.Lo]), lda: 4 * uintptr(lda),
				b: unsafe.Pointer(&b[l*ldb+column]), ldb: 4 * uintptr(ldb), k: uintptr(depth),
			}, share(span.Hi-span.Lo, s.mostRows()), width, min(width, n-column))
			column += width
		}
	}
}

// manyTiles are so many that a copy of a strip of B pays under AVX2, whose tiles
// are small.
const manyTiles = 32

// strip computes the rows of r in a panel of B that is not packed.
func (s kernels) strip(t tile, r cut, width, columns int) {
	if s.level == kernel.AVX2 && r.blocks > manyTiles {
		s.copiedStrip(t, r, width, columns)
		return
	}
	s.panel(t, r, width, columns)
}

func (s kernels) copiedStrip(t tile, r cut, width, columns int) {
	var room [transposedDepth * 16]float32
	ld, k := int(t.ldb/4), int(t.k)
	copyRows(s.level, room[:], width, unsafe.Slice((*float32)(t.b), (k-1)*ld+columns), ld, k, columns)
	t.b, t.ldb = unsafe.Pointer(&room), 4*uintptr(width)
	s.panel(t, r, width, columns)
}

// turned says whether Cᵀ += Bᵀ A fills tiles better than C += Aᵀ B: with few
// columns of C and many rows. A panel costs its vectors, or half of one.
func (s kernels) turned(m, n int) bool {
	cost := func(rows, columns int) int {
		_, width := panels(s.level, columns)
		return rows * width
	}
	return 16*cost(n, m) < 15*cost(m, n)
}

// addTurned adds Aᵀ B to C by tiles of its transpose: rows are columns of B, and
// panels are columns of A. The sums are the same, term by term.
func (s kernels) addTurned(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, m, n, k int, within *Pattern) {
	var room [14*32 + line]float32
	part := room[aligned(&room[0]):]
	most := s.mostRows()
	for column := 0; column < m; {
		width := panelWidth(s.level, m, column)
		columns := min(width, m-column)
		span := within.inRows(column, width, n)
		for j := span.Lo; j < span.Hi; j += most {
			rows := min(most, span.Hi-j)
			s.turn(part, width, c[column*ldc+j:], ldc, columns, rows)
			at := unsafe.Pointer(&part[0])
			s.strip(tile{
				c: at, ldc: 4 * uintptr(width), start: at, ldstart: 4 * uintptr(width),
				a: unsafe.Pointer(&b[j]), lda: 4 * uintptr(ldb),
				b: unsafe.Pointer(&a[column]), ldb: 4 * uintptr(lda), k: uintptr(k),
			}, share(rows, most), width, columns)
			s.turn(c[column*ldc+j:], ldc, part, width, rows, columns)
		}
		column += width
	}
}

// turn writes the transpose of src [rows][columns] to dst [columns][rows].
func (s kernels) turn(dst []float32, ldd int, src []float32, lds, rows, columns int) {
	if s.level == kernel.AVX512 {
		for i := 0; i < rows; i += 16 {
			lanes := min(16, rows-i)
			transpose16AVX512(&dst[i], &src[i*lds], 4*ldd, 4*lds, lanes, columns, 1<<lanes-1)
		}
		return
	}
	for i := range rows {
		for j, v := range src[i*lds : i*lds+columns] {
			dst[j*ldd+i] = v
		}
	}
}
