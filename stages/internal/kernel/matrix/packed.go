package matrix

import (
	"unsafe"

	"github.com/pathline/pathline/stages/internal/kernel"
)

// Packed is a matrix B [K][N] in the order in which Multiply reads it. It is
// packed for the level that is current at Resize, and using it under another
// one panics. The zero value is a matrix without rows and columns.
//
// Different pieces may be packed at the same time; a Packed may be read by any
// number of goroutines.
type Packed struct {
	k, n  int
	level kernel.Level
	data  []float32 // starts on a cache line
	spans []Span    // of the rows of each panel that are not zero; empty when all may be
}

// line is a cache line in float32.
const line = 16

// aligned is how many elements after x a cache line begins.
func aligned(x *float32) int { return int(-(uintptr(unsafe.Pointer(x)) / 4) % line) }

// K is the number of rows of B.
func (p *Packed) K() int { return p.k }

// N is the number of columns of B.
func (p *Packed) N() int { return p.n }

// Resize makes room for a matrix [k][n], whose values are then undefined until
// all pieces are packed. It allocates nothing if an earlier size was as large.
func (p *Packed) Resize(k, n int) {
	if k < 0 || n < 0 {
		panic("matrix: negative size")
	}
	p.k, p.n, p.level, p.spans = k, n, kernel.Current(), p.spans[:0]
	_, width := panels(p.level, n)
	size := k * width
	if size > cap(p.data) {
		room := make([]float32, size+line-1)
		skip := aligned(unsafe.SliceData(room))
		p.data = room[skip : skip+size : skip+size]
	}
	p.data = p.data[:size]
}

// Pieces is the number of pieces into which packing can be shared out.
func (p *Packed) Pieces() int {
	count, _ := panels(p.level, p.n)
	return count
}

// Restrict says where B may be other than zero, until the next Resize; nil is
// everywhere. What is packed elsewhere must be zero, and need not be multiplied.
func (p *Packed) Restrict(to *Pattern) {
	p.spans = p.spans[:0]
	if to == nil {
		return
	}
	if len(to.rows) != p.n || len(to.columns) != p.k {
		panic("matrix: a pattern of another size")
	}
	for column := 0; column < p.n; {
		width := panelWidth(p.level, p.n, column)
		p.spans = append(p.spans, union(to.rows, column, width))
		column += width
	}
}

// span is the rows of panel i that are to be multiplied.
func (p *Packed) span(i int) Span {
	if len(p.spans) == 0 {
		return Span{0, p.k}
	}
	return p.spans[i]
}

// panel is the part of the data that holds the panel that begins at column: its
// rows, each as wide as the panel. What stands before it are full panels.
func (p *Packed) panel(column int) (data []float32, width int) {
	width = panelWidth(p.level, p.n, column)
	return p.data[p.k*column : p.k*(column+width)], width
}
