//go:build !purego

package matrix

import (
	"unsafe"

	"github.com/pathline/pathline/stages/internal/kernel"
)

// tile is what a kernel is asked for: blocks of rows of C by one panel, one
// below the other. Leading dimensions are in bytes. The generator knows the
// order of the fields.
type tile struct {
	c, start, a, b         unsafe.Pointer
	ldc, ldstart, lda, ldb uintptr // ldb where B is not packed; panel to panel in a wide tile
	k, blocks              uintptr // both at least 1
	mask                   uint64  // lanes of the last vector of a row
	lanes                  *int32  // the mask with -1 for each lane, for AVX2
}

// The generator's offsets: a struct in another order does not compile.
const (
	_ = -(unsafe.Offsetof(tile{}.b) ^ 24)
	_ = -(unsafe.Offsetof(tile{}.ldb) ^ 56)
	_ = -(unsafe.Offsetof(tile{}.blocks) ^ 72)
	_ = -(unsafe.Offsetof(tile{}.lanes) ^ 88)
)

// cut is how rows are cut into tiles: blocks tiles of rows rows, and below them
// fewer tiles of one row less.
type cut struct{ rows, blocks, fewer int }

// share cuts m rows into tiles that differ by one row at most.
func share(m, most int) cut {
	tiles := (m + most - 1) / most
	rows := (m + tiles - 1) / tiles
	fewer := tiles*rows - m
	return cut{rows, tiles - fewer, fewer}
}

// lanes is the mask of the last vector of a panel's rows, for panels that are
// two full vectors wide at most, and half a vector at least.
func (s kernels) lanes(width, columns int) (mask uint64, lanes *int32) {
	vector := 16
	if s.level == kernel.AVX2 {
		vector = 8
	}
	if width > vector {
		columns -= vector
	}
	return 1<<columns - 1, &lanesAVX2[max(0, 8-columns)]
}

// lanesAVX2 has 8 elements for a mask of n lanes from 8-n on.
var lanesAVX2 = [16]int32{-1, -1, -1, -1, -1, -1, -1, -1}

// kernels are the tiles of one product for one instruction set.
type kernels struct {
	level      kernel.Level
	transposed bool // A is read by columns
}

// mostRows is how many rows the tiles have at most.
func (s kernels) mostRows() int {
	if s.level == kernel.AVX512 {
		return 14
	}
	return 6
}

// call computes t.blocks blocks of rows rows.
func (s kernels) call(t *tile, rows, width int) {
	switch {
	case s.level == kernel.AVX512 && s.transposed:
		transposedAVX512(t, rows, width)
	case s.level == kernel.AVX512:
		multiplyAVX512(t, rows, width)
	case s.transposed:
		transposedAVX2(t, rows, width)
	default:
		multiplyAVX2(t, rows, width)
	}
}

// panel computes the rows of r in a panel that is width wide and has columns
// columns.
func (s kernels) panel(t tile, r cut, width, columns int) {
	t.mask, t.lanes = s.lanes(width, columns)
	t.blocks = uintptr(r.blocks)
	s.call(&t, r.rows, width)
	if r.fewer > 0 {
		t = s.skip(t, r.rows*r.blocks)
		t.blocks = uintptr(r.fewer)
		s.call(&t, r.rows-1, width)
	}
}

// skip is the tile that stands rows further down in C. (A tile that is passed
// on is a value: written through a pointer, all operands would escape.)
func (s kernels) skip(t tile, rows int) tile {
	t.c = unsafe.Add(t.c, t.ldc*uintptr(rows))
	t.start = unsafe.Add(t.start, t.ldstart*uintptr(rows))
	if s.transposed {
		t.a = unsafe.Add(t.a, 4*rows)
	} else {
		t.a = unsafe.Add(t.a, t.lda*uintptr(rows))
	}
	return t
}
