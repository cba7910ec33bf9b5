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
	ldc, ldstart, lda, ldb uintptr // ldb is used where B is not packed
	k, blocks              uintptr // both at least 1
	mask                   uint64  // lanes of the last vector of a row; AVX-512 alone
}

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

// lanes is the mask of the last vector of a panel's rows.
func lanes(width, columns int) uint64 {
	if width == 32 {
		columns -= 16
	}
	return 1<<columns - 1
}

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
	if columns < width && s.level == kernel.AVX2 {
		s.edges(t, r, width, columns)
		return
	}
	t.mask = lanes(width, columns)
	t.blocks = uintptr(r.blocks)
	s.call(&t, r.rows, width)
	if r.fewer > 0 {
		t = s.skip(t, r.rows*r.blocks)
		t.blocks = uintptr(r.fewer)
		s.call(&t, r.rows-1, width)
	}
}

// edges is panel where the last columns cannot be masked.
func (s kernels) edges(t tile, r cut, width, columns int) {
	for i := range r.blocks + r.fewer {
		if i == r.blocks {
			r.rows--
		}
		s.edge(t, r.rows, width, columns)
		if i+1 < r.blocks+r.fewer {
			t = s.skip(t, r.rows)
		}
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

// edge computes one block of a panel that has fewer columns than it is wide, in
// a buffer that has room for all of them.
func (s kernels) edge(t tile, rows, width, columns int) {
	var c [6 * 16]float32
	row := func(at unsafe.Pointer, ld uintptr, i int) []float32 {
		return unsafe.Slice((*float32)(unsafe.Add(at, ld*uintptr(i))), columns)
	}
	for i := range rows {
		copy(c[i*width:], row(t.start, t.ldstart, i))
	}
	e := t
	e.c, e.ldc = unsafe.Pointer(&c), 4*uintptr(width)
	e.start, e.ldstart = e.c, e.ldc
	e.blocks = 1
	s.call(&e, rows, width)
	for i := range rows {
		copy(row(t.c, t.ldc, i), c[i*width:])
	}
}
