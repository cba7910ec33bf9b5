package autodiff

import "github.com/pathline/pathline/stages/internal/kernel/vector"

// group is a chain of elementwise operations on values of one shape, done strip
// by strip so that what lies between them stays in the first-level cache.
type group struct {
	planes, width, ld int
	operands          []operand
	results           []buffer
	steps             []elementwise
	temps             int // strips for values that nobody else needs
	strip             int // rows of a strip
}

// The strips of all that a group reads and writes should stay in the first-level cache,
// and a strip be long enough for what a call of a kernel costs.
const (
	stripsSize = 6 << 10 // elements of all strips together
	leastStrip = 512
	mostStrip  = 4096
)

// stripRows is how many rows a strip has.
func (i *group) stripRows() int {
	n := i.temps + len(i.results)
	for _, o := range i.operands {
		if !o.consts {
			n++
		}
	}
	return max(1, min(max(stripsSize/n, leastStrip), mostStrip)/max(i.ld, 1))
}

// operand is a value from outside of the group.
type operand struct {
	buffer
	spread bool    // element p of its rows is repeated over the width of plane p
	fill   float32 // with constant: the value itself
	consts bool
	strip  int // a strip of its own to be laid out in, or -1 when it is read in place
}

// elementwise is one operation: one of the functions is set. Arguments and results are
// numbers of spots.
type elementwise struct {
	unary  func(dst, x []float32)
	both   func(y, dy, x []float32)
	binary func(dst, a, b []float32)
	choose func(dst, c, a, b []float32)
	scale  func(dst, a []float32, s float32)
	s      float32
	args   [3]int
	dst    int
	dst2   int
}

// spot is where something that a group reads or writes lies for the plane at hand:
// operands, then results, then temporaries.
type spot struct {
	block
	data []float32 // of the plane
	row  int       // 0 for a strip, which holds the rows at hand only
}

func (i *group) buffers(visit func(buffer, bool)) {
	for _, o := range i.operands {
		if !o.consts {
			visit(o.buffer, false)
		}
	}
	for _, r := range i.results {
		visit(r, true)
	}
}

func (i *group) run(m *machine, rows int) {
	ld := i.ld
	strip := i.strip
	if i.plain() {
		strip = rows
	}
	strip = min(strip, rows)
	spots := i.spots(m, rows, strip*ld)
	for p := range i.planes {
		for k := range i.operands {
			switch o := &i.operands[k]; {
			case o.strip < 0:
				spots[k].data = spots[k].block.data[p%o.planes*spots[k].plane:]
			case o.consts || o.single():
				i.lay(o, &spots[k], p, 0, strip)
			}
		}
		for k := range i.results {
			at := &spots[len(i.operands)+k]
			at.data = at.block.data[p*at.plane:]
		}
		for r := 0; r < rows; r += strip {
			n := min(strip, rows-r)
			for k := range i.operands {
				if o := &i.operands[k]; o.strip >= 0 && !o.consts && !o.single() {
					i.lay(o, &spots[k], p, r, n)
				}
			}
			for k := range i.steps {
				i.steps[k].do(spots, r, n*ld)
			}
		}
	}
}

// spots are all spots, of which the data of planes are still to be set. size is that
// of a strip.
func (i *group) spots(m *machine, rows, size int) []spot {
	n := len(i.operands) + len(i.results)
	spots := m.spots[:n+i.temps]
	for k := range i.operands {
		o, at := &i.operands[k], &spots[k]
		switch {
		case o.consts:
		case o.single():
			at.block = m.block(o.buffer, 0)
		default:
			at.block = m.block(o.buffer, rows)
		}
		if at.row = i.ld; o.strip >= 0 {
			at.data, at.row = m.strip(o.strip, size), 0
		}
	}
	for k, b := range i.results {
		spots[len(i.operands)+k] = spot{block: m.block(b, rows), row: i.ld}
	}
	for k := range i.temps {
		spots[n+k] = spot{data: m.strip(k, size)}
	}
	return spots
}

// plain says whether strips would gain nothing.
func (i *group) plain() bool {
	if len(i.steps) > 1 || i.temps > 0 {
		return false
	}
	for _, o := range i.operands {
		if o.strip >= 0 {
			return false
		}
	}
	return true
}

// lay puts rows r..r+n-1 of plane p of an operand into a strip of its own.
func (i *group) lay(o *operand, at *spot, p, r, n int) {
	dst, ld := at.data[:n*i.ld], i.ld
	if o.consts {
		for k := range dst {
			dst[k] = o.fill
		}
		return
	}
	b := at.block
	if !o.spread {
		src := b.data[p%o.planes*b.plane:]
		for k := range n {
			copy(dst[k*ld:k*ld+o.width], src[(r+k)*b.row:])
		}
		return
	}
	q := p % (o.planes * o.width)
	src := b.data[q/o.width*b.plane+q%o.width:]
	for k := range n {
		v, line := src[(r+k)*b.row], dst[k*ld:(k+1)*ld]
		for c := range line {
			line[c] = v
		}
	}
}

// at is size elements from row r on.
func (p *spot) at(r, size int) []float32 { return p.data[r*p.row:][:size] }

// do takes a step for size elements from row r on.
func (s *elementwise) do(spots []spot, r, size int) {
	dst, a := spots[s.dst].at(r, size), spots[s.args[0]].at(r, size)
	switch {
	case s.binary != nil:
		s.binary(dst, a, spots[s.args[1]].at(r, size))
	case s.unary != nil:
		s.unary(dst, a)
	case s.both != nil:
		s.both(dst, spots[s.dst2].at(r, size), a)
	case s.scale != nil:
		s.scale(dst, a, s.s)
	default:
		s.choose(dst, a, spots[s.args[1]].at(r, size), spots[s.args[2]].at(r, size))
	}
}

var binaryKernels = [...]func(dst, a, b []float32){vector.Add, vector.Sub, vector.Mul, vector.Div, vector.Max, vector.Min}
