package autodiff

import "github.com/pathline/pathline/stages/internal/kernel/vector"

// group is a chain of elementwise operations on values of one shape, done strip
// by strip so that what lies between them stays in the first-level cache.
type group struct {
	planes, width, ld int
	operands          []operand
	steps             []elementwise
	temps             int // strips for values that nobody else needs
}

// stripSize is about how many elements a strip has.
const stripSize = 1024

// operand is a value from outside of the group.
type operand struct {
	buffer
	spread bool    // element p of its rows is repeated over the width of plane p
	fill   float32 // with constant: the value itself
	consts bool
	strip  int // a strip of its own to be laid out in, or -1 when it is read in place
}

// elementwise is one operation: one of the functions is set.
type elementwise struct {
	unary  func(dst, x []float32)
	both   func(y, dy, x []float32)
	binary func(dst, a, b []float32)
	choose func(dst, c, a, b []float32)
	scale  func(dst, a []float32, s float32)
	s      float32
	args   [3]location
	dst    location
	dst2   location
}

// location is where a strip of a step lies.
type location struct {
	kind  uint8
	index int // of the operand or temporary
	out   buffer
}

// The kinds of a location.
const (
	nowhere uint8 = iota
	isOperand
	isTemporary
	isResult
)

func (i *group) buffers(visit func(buffer, bool)) {
	for _, o := range i.operands {
		if !o.consts {
			visit(o.buffer, false)
		}
	}
	for _, s := range i.steps {
		for _, d := range []location{s.dst, s.dst2} {
			if d.kind == isResult {
				visit(d.out, true)
			}
		}
	}
}

func (i *group) run(m *machine, rows int) {
	ld := i.ld
	if ld == 0 { // values that are not of rows
		ld = i.width
	}
	strip := max(1, stripSize/ld)
	if i.plain() {
		strip = rows
	}
	strip = min(strip, rows)
	for p := range i.planes {
		for k := range i.operands {
			if o := &i.operands[k]; o.strip >= 0 && (o.consts || o.single()) {
				i.lay(m, o, m.strip(o.strip, strip*ld), p, 0, strip, ld)
			}
		}
		for r := 0; r < rows; r += strip {
			n := min(strip, rows-r)
			for k := range i.operands {
				if o := &i.operands[k]; o.strip >= 0 && !o.consts && !o.single() {
					i.lay(m, o, m.strip(o.strip, n*ld), p, r, n, ld)
				}
			}
			for k := range i.steps {
				i.step(m, &i.steps[k], p, r, n, rows, ld)
			}
		}
	}
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
func (i *group) lay(m *machine, o *operand, dst []float32, p, r, n, ld int) {
	if o.consts {
		for k := range dst {
			dst[k] = o.fill
		}
		return
	}
	b := m.block(o.buffer, 0)
	if !o.single() {
		b = m.block(o.buffer, m.rows)
	}
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

func (i *group) at(m *machine, x location, p, r, n, rows, ld int) []float32 {
	switch x.kind {
	case isTemporary:
		return m.strip(x.index, n*ld)
	case isResult:
		b := m.block(x.out, rows)
		return b.data[p*b.plane+r*ld:][:n*ld]
	}
	o := &i.operands[x.index]
	if o.strip >= 0 {
		return m.strip(o.strip, n*ld)
	}
	b := m.block(o.buffer, rows)
	return b.data[p%o.planes*b.plane+r*ld:][:n*ld]
}

func (i *group) step(m *machine, s *elementwise, p, r, n, rows, ld int) {
	dst, a := i.at(m, s.dst, p, r, n, rows, ld), i.at(m, s.args[0], p, r, n, rows, ld)
	switch {
	case s.unary != nil:
		s.unary(dst, a)
	case s.both != nil:
		s.both(dst, i.at(m, s.dst2, p, r, n, rows, ld), a)
	case s.binary != nil:
		s.binary(dst, a, i.at(m, s.args[1], p, r, n, rows, ld))
	case s.scale != nil:
		s.scale(dst, a, s.s)
	default:
		s.choose(dst, a, i.at(m, s.args[1], p, r, n, rows, ld), i.at(m, s.args[2], p, r, n, rows, ld))
	}
}

var binaryKernels = [...]func(dst, a, b []float32){vector.Add, vector.Sub, vector.Mul, vector.Div, vector.Max, vector.Min}
