package autodiff

import (
	"math"

	"github.com/pathline/pathline/stages/internal/kernel/matrix"
	"github.com/pathline/pathline/stages/internal/kernel/vector"
)

// instruction is one operation on the rows of a tile. Instructions of a program
// are run one after the other.
type instruction interface {
	// buffers visits the buffers that are read and written.
	buffers(visit func(b buffer, write bool))
	run(m *machine, rows int)
}

// product is y = start + sum over parts of x Wᵀ: what is left of a linear map
// when its argument, if it was joined of parts, has been taken apart again.
type product struct {
	y     buffer
	parts []part
	bias  *buffer // one row [width], or nil
	add   bool    // start from what y holds
}

type part struct {
	x      buffer
	packed int // number among the packed weights
}

func (i *product) buffers(visit func(buffer, bool)) {
	for _, p := range i.parts {
		visit(p.x, false)
	}
	if i.bias != nil {
		visit(*i.bias, false)
	}
	visit(i.y, true)
}

func (i *product) run(m *machine, rows int) {
	y := m.block(i.y, rows)
	var bias []float32
	if i.bias != nil {
		bias = m.block(*i.bias, 1).data[:i.bias.width]
	}
	for k, p := range i.parts {
		x := m.block(p.x, rows)
		if p.x.single() { // one row, as y then has
			x.row, y.row = p.x.width, i.y.width
		}
		add := i.add || k > 0
		if k > 0 {
			bias = nil
		}
		w := &m.bound.packed[p.packed]
		if i.y.planes == 1 || x.plane == rows*x.row {
			matrix.Multiply(y.data, y.row, x.data, x.row, w, rows*i.y.planes, bias, add)
			continue
		}
		for q := range i.y.planes {
			matrix.Multiply(y.data[q*y.plane:], y.row, x.data[q*x.plane:], x.row, w, rows, bias, add)
		}
	}
}

// weights is y = x Wᵀ + b of values that are not of rows: small, and done once.
type weights struct {
	y, x, w buffer
	bias    *buffer
}

func (i *weights) buffers(visit func(buffer, bool)) {
	visit(i.x, false)
	visit(i.w, false)
	if i.bias != nil {
		visit(*i.bias, false)
	}
	visit(i.y, true)
}

func (i *weights) run(m *machine, _ int) {
	y, x, w := m.block(i.y, 1).data, m.block(i.x, 1).data, m.block(i.w, 1).data
	out, in := i.y.width, i.x.width
	var b []float32
	if i.bias != nil {
		b = m.block(*i.bias, 1).data[:i.bias.planes*i.bias.width]
	}
	for p := range i.y.planes {
		a := x[p*in : (p+1)*in]
		for o := range out {
			v := vector.Dot(a, w[o*in:(o+1)*in])
			if b != nil {
				v += float64(b[(p*out+o)%len(b)])
			}
			y[p*out+o] = float32(v)
		}
	}
}

// target is where a sum over rows is added up: elements of an output of the
// call, or of a buffer of sums.
type target struct {
	output int // number, or -1 for the buffer
	sums   buffer
	offset int
	ld     int
}

// data is nil when nobody wants it.
func (t target) data(m *machine) []float32 {
	if t.output >= 0 {
		if m.out[t.output] == nil {
			return nil
		}
		return m.out[t.output][t.offset:]
	}
	return m.block(t.sums, 1).data[t.offset:]
}

// outerSum adds sum over rows and planes of a ⊗ b.
type outerSum struct {
	to     target
	a, b   buffer
	within *matrix.Pattern // where it is wanted; nil is everywhere
}

func (i *outerSum) buffers(visit func(buffer, bool)) { visit(i.a, false); visit(i.b, false) }

func (i *outerSum) run(m *machine, rows int) {
	c, a, b := i.to.data(m), m.block(i.a, rows), m.block(i.b, rows)
	if c == nil {
		return
	}
	if i.a.planes == 1 || a.plane == rows*a.row && b.plane == rows*b.row {
		matrix.AddTransposedWithin(c, i.to.ld, a.data, a.row, b.data, b.row, i.a.width, i.b.width, rows*i.a.planes, i.within)
		return
	}
	for p := range i.a.planes {
		matrix.AddTransposedWithin(c, i.to.ld, a.data[p*a.plane:], a.row, b.data[p*b.plane:], b.row, i.a.width, i.b.width, rows, i.within)
	}
}

// rowSum adds the sum over rows.
type rowSum struct {
	to target
	x  buffer
}

func (i *rowSum) buffers(visit func(buffer, bool)) { visit(i.x, false) }

func (i *rowSum) run(m *machine, rows int) {
	c, x := i.to.data(m), m.block(i.x, rows)
	if c == nil {
		return
	}
	for p := range i.x.planes {
		dst := c[p*i.to.ld : p*i.to.ld+i.x.width]
		if i.x.single() {
			vector.AddScaled(dst, x.data[p*x.plane:p*x.plane+i.x.width], float32(rows))
			continue
		}
		vector.AddColumns(dst, x.data[p*x.plane:], x.row, rows, i.x.width)
	}
}

// sumLast is the sum of the last axis, of a or of a b.
type sumLast struct {
	y, a  buffer
	b     *buffer
	width int
}

func (i *sumLast) buffers(visit func(buffer, bool)) {
	visit(i.a, false)
	if i.b != nil {
		visit(*i.b, false)
	}
	visit(i.y, true)
}

// run puts the sum of plane p where element p of the result lies.
func (i *sumLast) run(m *machine, rows int) {
	y, a := m.block(i.y, rows), m.block(i.a, rows)
	sums := m.column(rows)
	for p := range i.a.planes {
		x := a.data[p*a.plane:]
		if i.b == nil {
			vector.RowSums(sums, x, a.row, rows, i.width)
		} else {
			b := m.block(*i.b, rows)
			vector.RowDots(sums, x, a.row, b.data[p%i.b.planes*b.plane:], b.row, rows, i.width)
		}
		at := p/i.y.width*y.plane + p%i.y.width
		for r, v := range sums {
			y.data[at+r*y.row] = v
		}
	}
}

// maxLast is the largest element of the last axis.
type maxLast struct{ y, x buffer }

func (i *maxLast) buffers(visit func(buffer, bool)) { visit(i.x, false); visit(i.y, true) }

func (i *maxLast) run(m *machine, rows int) {
	y, x := m.block(i.y, rows), m.block(i.x, rows)
	for p := range i.x.planes {
		at := p/i.y.width*y.plane + p%i.y.width
		for r := range rows {
			top := float32(math.Inf(-1))
			for _, v := range x.data[p*x.plane+r*x.row:][:i.x.width] {
				top = max(top, v)
			}
			y.data[at+r*y.row] = top
		}
	}
}

// shuffle moves elements: y is made of pieces of rows of its sources, which are
// copied, or added up on zeros. Joining, slicing, repeating, transposing,
// gathering and sums over leading axes are all shuffles.
type shuffle struct {
	y       buffer
	sources []buffer
	runs    []run
	add     bool
}

// run is n neighbouring elements of a row. A source of -1 is zeros.
type run struct {
	source           int
	fromPlane, fromX int
	toPlane, toX     int
	n                int
}

func (i *shuffle) buffers(visit func(buffer, bool)) {
	for _, s := range i.sources {
		visit(s, false)
	}
	visit(i.y, true)
}

func (i *shuffle) run(m *machine, rows int) {
	y := m.block(i.y, rows)
	if i.add {
		clear(y.data[:i.y.planes*y.plane])
	}
	// Many runs are done for a few rows at a time, whose lines stay in the cache.
	few := rows
	if len(i.runs) > 2 {
		few = shuffledRows
	}
	for r := 0; r < rows; r += few {
		for k := range i.runs {
			i.move(m, &i.runs[k], y, r, min(few, rows-r), rows)
		}
	}
}

const shuffledRows = 32

// move does a run for n rows from row on.
func (i *shuffle) move(m *machine, u *run, y block, row, n, rows int) {
	dst := y.data[u.toPlane*y.plane+row*y.row+u.toX:]
	if u.source < 0 {
		if !i.add {
			for r := range n {
				clear(dst[r*y.row : r*y.row+u.n])
			}
		}
		return
	}
	s := m.block(i.sources[u.source], rows)
	src := s.data[u.fromPlane*s.plane+row*s.row+u.fromX:]
	switch {
	case i.add && u.n == y.row && u.n == s.row:
		vector.Add(dst[:n*u.n], dst, src)
	case i.add:
		for r := range n {
			a, b := dst[r*y.row:r*y.row+u.n], src[r*s.row:]
			for c := range a {
				a[c] += b[c]
			}
		}
	case u.n == y.row && u.n == s.row:
		copy(dst[:n*u.n], src)
	case u.n == 1:
		for r := range n {
			dst[r*y.row] = src[r*s.row]
		}
	case u.n == 2: // an array is moved in one piece, a slice by a call
		for r := range n {
			*(*[2]float32)(dst[r*y.row:]) = *(*[2]float32)(src[r*s.row:])
		}
	case u.n == 4:
		for r := range n {
			*(*[4]float32)(dst[r*y.row:]) = *(*[4]float32)(src[r*s.row:])
		}
	case u.n == 8:
		for r := range n {
			*(*[8]float32)(dst[r*y.row:]) = *(*[8]float32)(src[r*s.row:])
		}
	case u.n < 16:
		for r := range n {
			a, b := dst[r*y.row:r*y.row+u.n], src[r*s.row:]
			for c := range a {
				a[c] = b[c]
			}
		}
	default:
		for r := range n {
			copy(dst[r*y.row:r*y.row+u.n], src[r*s.row:])
		}
	}
}

// emit writes an output of the call: [planes][rows of the call][width].
type emit struct {
	x      buffer
	output int
}

func (i *emit) buffers(visit func(buffer, bool)) { visit(i.x, false) }

func (i *emit) run(m *machine, rows int) {
	if m.out[i.output] == nil {
		return
	}
	x := m.block(i.x, rows)
	for p := range i.x.planes {
		dst := m.out[i.output][(p*m.total+m.start)*i.x.width:]
		src := x.data[p*x.plane:]
		if x.row == i.x.width {
			copy(dst[:rows*x.row], src)
			continue
		}
		for r := range rows {
			copy(dst[r*i.x.width:(r+1)*i.x.width], src[r*x.row:])
		}
	}
}

// accumulate adds a value that is no sum of rows itself, but made of such sums,
// to an output.
type accumulate struct {
	x      buffer
	output int
}

func (i *accumulate) buffers(visit func(buffer, bool)) { visit(i.x, false) }

func (i *accumulate) run(m *machine, _ int) {
	if m.out[i.output] == nil {
		return
	}
	n := i.x.planes * i.x.width
	dst := m.out[i.output][:n]
	vector.Add(dst, dst, m.block(i.x, 1).data[:n])
}
