package autodiff

import (
	"slices"

	"github.com/pathline/pathline/stages/internal/kernel/vector"
)

// lowering turns the nodes that outputs need into instructions, for one variant
// of a program. What depends on the weights alone goes into the program's own
// list, which the variants have in common.
type lowering struct {
	g      *Graph
	p      *Program
	shared bool // one time for all rows of a call

	refs    []int             // of a node, by live nodes and outputs
	needed  []bool            // nodes that must lie in a buffer
	masks   map[int][]float64 // of sums over rows: where they are wanted
	slopes  map[int]int       // operations of one argument with a kernel for both: index of the other
	pair    map[int]int       // and which
	buffers map[int]buffer    // of nodes
	direct  map[int][]direct
	done    map[int]bool
	once    list
	body    list
	finish  list
	arena   []buffer
	onces   []int // sizes
	sums    []int
}

// list are instructions in the making, the last of which may be a group that is
// still open.
type list struct {
	code   []instruction
	open   []int // nodes of the open group
	single bool
}

// direct is a sum over rows that goes straight into an output.
type direct struct {
	to      target
	swapped bool // the output has the transpose
}

func (l *lowering) lower(outs []Value, v *variant) {
	g := l.g
	l.once.single, l.finish.single, l.p.refresh.single = true, true, true
	l.buffers, l.direct = map[int]buffer{}, map[int][]direct{}
	l.done = map[int]bool{}
	l.count(outs)
	var emits []instruction
	later := map[int][]int{} // outputs made of sums
	for i, o := range outs {
		if g.nodes[o.n].class == reduced {
			s := g.shape(o)
			_, w := layout(s)
			if !l.straight(o.n, target{output: i, ld: w}, false) {
				later[o.n] = append(later[o.n], i)
				l.need(o.n)
			}
			continue
		}
		l.need(o.n)
	}
	for n := len(l.needed) - 1; n >= 0; n-- {
		if l.needed[n] {
			l.needArguments(n)
		} else if len(l.direct[n]) > 0 {
			l.needSources(n)
		}
	}
	l.findPairs()
	for n := range l.needed {
		for _, d := range l.direct[n] {
			l.reduce(n, d)
		}
		if l.needed[n] {
			l.node(n)
		}
	}
	for i, o := range outs {
		if g.nodes[o.n].class != reduced {
			emits = append(emits, &emit{l.rows(o.n), i})
		}
	}
	l.close(&l.body)
	l.body.code = append(l.body.code, emits...)
	for n := range l.needed {
		for _, i := range later[n] {
			l.close(&l.finish)
			l.finish.code = append(l.finish.code, &accumulate{l.buffers[l.canon(n)], i})
		}
	}
	l.close(&l.once)
	l.close(&l.finish)
	l.close(&l.p.refresh)
	l.variant(v)
}

// canon is the node whose buffer another shares: a reshape that keeps the last
// axis moves nothing.
func (l *lowering) canon(n int) int {
	for {
		m := l.g.nodes[n]
		if m.op != opStopGradient && (m.op != opReshape || !sameLayout(m.shape, l.g.nodes[m.args[0]].shape)) {
			return n
		}
		n = m.args[0]
	}
}

func sameLayout(a, b []int) bool {
	_, wa := layout(a)
	_, wb := layout(b)
	return wa == wb
}

// count finds what is live, and how often.
func (l *lowering) count(outs []Value) {
	live := l.g.live(outs)
	l.refs, l.needed = make([]int, len(live)), make([]bool, len(live))
	for n, on := range live {
		if on && l.canon(n) == n {
			for _, a := range l.g.nodes[n].args {
				l.refs[l.canon(a)]++
			}
		}
	}
	for _, o := range outs {
		l.refs[l.canon(o.n)]++
	}
	l.findMasks(live)
}

func (l *lowering) need(n int) { l.needed[l.canon(n)] = true }

// element is how an elementwise operation sees an argument: repeated over
// leading axes (by counting planes round), or over the last one.
func (l *lowering) element(n int) (node int, spread bool) {
	n = l.canon(n)
	m := l.g.nodes[n]
	if m.op == opBroadcast && l.refs[n] > 0 {
		switch {
		case m.i == len(m.shape)-1:
			return l.canon(m.args[0]), true
		case m.i == 0 && len(m.shape) > 1:
			return l.canon(m.args[0]), false
		}
	}
	return n, false
}

func (l *lowering) isFill(n int) bool {
	m := l.g.nodes[n]
	return m.op == opConst && m.data == nil
}

// parts are the values that were joined to make n.
func (l *lowering) parts(n int) []int {
	if m := l.g.nodes[l.canon(n)]; m.op == opConcat {
		return m.args
	}
	return []int{n}
}

func (l *lowering) needArguments(n int) {
	m := l.g.nodes[n]
	switch m.op {
	case opUnary, opBinary, opSelect:
		for _, a := range m.args {
			if e, _ := l.element(a); !l.isFill(e) {
				l.need(e)
			}
		}
	case opLinear:
		if l.class(n) == uniform || l.class(n) == reduced {
			for _, a := range m.args {
				l.need(a)
			}
			return
		}
		for _, a := range l.parts(m.args[0]) {
			if !l.zero(a) {
				l.need(a)
			}
		}
		l.need(l.view(m.args[1]).node)
		if len(m.args) > 2 {
			l.need(m.args[2])
		}
	case opConvolve:
		l.need(m.args[0])
		l.need(l.view(m.args[1]).node)
	case opOuter, opSumRows:
		l.needSources(n)
	case opSum:
		if a, b, ok := l.dot(n); ok {
			l.need(a)
			l.need(b)
			return
		}
		l.need(m.args[0])
	default:
		for _, a := range m.args {
			l.need(a)
		}
	}
}

func (l *lowering) needSources(n int) {
	m := l.g.nodes[n]
	l.need(m.args[0])
	if m.op == opOuter {
		for _, a := range l.parts(m.args[1]) {
			if !l.zero(a) {
				l.need(a)
			}
		}
	}
	if m.op == opKernels {
		l.need(m.args[1])
	}
}

func (l *lowering) zero(n int) bool { return l.isFill(l.canon(n)) && l.g.nodes[l.canon(n)].fill == 0 }

// class is that of the variant: a time that every row has for itself is an
// input as any other.
func (l *lowering) class(n int) class {
	c := l.g.nodes[n].class
	if c == timely && !l.shared {
		return perRow
	}
	return c
}

func (l *lowering) list(n int) *list {
	switch l.class(n) {
	case uniform:
		return &l.p.refresh
	case timely:
		return &l.once
	case perRow:
		return &l.body
	}
	return &l.finish
}

// straight sends the sums that n is made of into an output, without a buffer
// between; false when n is more than sums put together.
func (l *lowering) straight(n int, to target, swapped bool) bool {
	if !l.simple(n) {
		return false
	}
	n = l.canon(n)
	m := l.g.nodes[n]
	switch m.op {
	case opOuter, opSumRows, opKernels:
		l.direct[n] = append(l.direct[n], direct{to, swapped})
	case opTranspose:
		l.straight(m.args[0], to, !swapped)
	case opBinary:
		for _, a := range m.args {
			l.straight(a, to, swapped)
		}
	case opConcat:
		for _, a := range m.args {
			l.straight(a, to, swapped)
			s := l.g.nodes[a].shape
			if w := s[len(s)-1]; swapped {
				to.offset += w * to.ld
			} else {
				to.offset += w
			}
		}
	}
	return true
}

// simple says whether straight can do n.
func (l *lowering) simple(n int) bool {
	n = l.canon(n)
	m := l.g.nodes[n]
	switch m.op {
	case opOuter, opKernels:
		return true
	case opSumRows:
		return len(m.shape) < 3
	case opConst:
		return l.zero(n)
	case opTranspose:
		o := l.g.nodes[l.canon(m.args[0])].op
		return len(m.shape) == 2 && o != opSumRows && o != opKernels && l.simple(m.args[0])
	case opBinary:
		if m.kind != addOp {
			return false
		}
	case opConcat:
	default:
		return false
	}
	for _, a := range m.args {
		if !slices.Equal(l.g.nodes[a].shape, m.shape) && m.op == opBinary || !l.simple(a) {
			return false
		}
	}
	return m.op == opBinary || len(m.shape) < 3
}

// reduce adds a sum over rows to where it goes.
func (l *lowering) reduce(n int, d direct) {
	m := l.g.nodes[n]
	if m.op == opSumRows && l.zero(m.args[0]) {
		return
	}
	if m.op == opSumRows {
		x := l.buffer(m.args[0])
		l.close(&l.body)
		l.body.code = append(l.body.code, &rowSum{d.to, x})
		return
	}
	delta := l.rows(m.args[0])
	if m.op == opKernels {
		x := l.rows(m.args[1])
		l.close(&l.body)
		l.body.code = append(l.body.code, &kernels{to: d.to, delta: delta, x: x, window: windowOf(m)})
		return
	}
	at := 0
	for _, a := range l.parts(m.args[1]) {
		s := l.g.nodes[a].shape
		w := s[len(s)-1]
		if !l.zero(a) {
			x, to := l.rows(a), d.to
			l.close(&l.body)
			if d.swapped {
				to.offset += at * to.ld
				l.body.code = append(l.body.code, &outerSum{to, x, delta, nil})
			} else {
				to.offset += at
				l.body.code = append(l.body.code, &outerSum{to, delta, x, l.within(n, at, w)})
			}
		}
		at += w
	}
}

// buffer is where a node lies; what lies in an open group is closed first.
func (l *lowering) buffer(n int) buffer {
	n = l.canon(n)
	m := l.g.nodes[n]
	switch m.op {
	case opInput:
		p, w := layout(m.shape)
		b := buffer{space: inInput, id: m.number, planes: p, width: w, ld: w}
		if l.class(n) == timely {
			b.space = inOnce
			b.id = -1 - m.number // read from the first row of the call
		}
		return b
	case opParam:
		p, w := layout(m.shape)
		return buffer{space: inParam, id: m.number, planes: p, width: w, ld: w}
	}
	for _, s := range []*list{&l.p.refresh, &l.once, &l.body, &l.finish} {
		if slices.Contains(s.open, n) {
			l.close(s)
		}
	}
	if l.class(n) == uniform {
		return l.p.weightOf[n]
	}
	b, ok := l.buffers[n]
	if !ok {
		panic("autodiff: a value is used before it is there")
	}
	return b
}

// rows is a buffer of n with a value for each row.
func (l *lowering) rows(n int) buffer {
	b := l.buffer(n)
	if !b.single() {
		return b
	}
	y := l.make(&l.body, b.planes, b.width)
	l.close(&l.body)
	l.body.code = append(l.body.code, whole(y, b))
	return y
}

// whole copies x to y, repeating its planes.
func whole(y, x buffer) *shuffle {
	s := &shuffle{y: y, sources: []buffer{x}}
	for p := range y.planes {
		s.runs = append(s.runs, run{fromPlane: p % x.planes, toPlane: p, n: y.width})
	}
	return s
}

// make is a new buffer for an instruction of a list.
func (l *lowering) make(s *list, planes, width int) buffer {
	b := buffer{planes: planes, width: width, ld: width}
	n := planes * width
	switch s {
	case &l.p.refresh:
		b.space, b.id = inWeights, len(l.p.sizes)
		l.p.sizes = append(l.p.sizes, n)
	case &l.once:
		b.space, b.id = inOnce, len(l.onces)
		l.onces = append(l.onces, n)
	case &l.finish:
		b.space, b.id = inSums, len(l.sums)
		l.sums = append(l.sums, n)
	default:
		b.space, b.id, b.ld = inArena, len(l.arena), padded(width)
		l.arena = append(l.arena, b)
	}
	return b
}

// set gives node n a new buffer of list s.
func (l *lowering) set(s *list, n int) buffer {
	p, w := layout(l.g.nodes[n].shape)
	b := l.make(s, p, w)
	if s == &l.p.refresh {
		l.p.weightOf[n] = b
	} else {
		l.buffers[n] = b
	}
	return b
}

// begin says whether a node is still to be done. What depends on the weights
// alone may have been done for another variant.
func (l *lowering) begin(n int) bool {
	done := l.done
	if l.class(n) == uniform {
		done = l.p.done
	}
	if done[n] {
		return false
	}
	done[n] = true
	return true
}

// node appends the instructions of a node.
func (l *lowering) node(n int) {
	m := l.g.nodes[n]
	if m.op == opInput || m.op == opParam || !l.begin(n) {
		return
	}
	s := l.list(n)
	switch m.op {
	case opUnary, opBinary, opSelect:
		l.join(s, n)
		if other, ok := l.slopes[n]; ok && l.begin(other) {
			s.open = append(s.open, other)
		}
		return
	case opConst:
		l.constant(n)
		return
	case opOuter, opSumRows, opKernels:
		y := l.set(&l.finish, n)
		l.reduce(n, direct{to: target{output: -1, sums: y, ld: y.width}})
		return
	}
	var i instruction
	switch m.op {
	case opLinear:
		i = l.linear(s, n)
	case opConvolve:
		i = l.convolve(s, n)
	case opSum:
		if m.i == len(m.shape) {
			i = l.sumLast(s, n)
		} else {
			i = l.moves(s, n)
		}
	case opMaxLast:
		x := l.buffer(m.args[0])
		i = &maxLast{l.set(s, n), x}
	default:
		i = l.moves(s, n)
	}
	l.close(s)
	s.code = append(s.code, i)
}

func (l *lowering) constant(n int) {
	m := l.g.nodes[n]
	y := l.set(&l.p.refresh, n)
	data := make([]float32, size(m.shape))
	for i := range data {
		if data[i] = float32(m.fill); m.data != nil {
			data[i] = float32(m.data[i])
		}
	}
	l.p.constants = append(l.p.constants, constant{y, data})
}

// view is a weight, read where it lies: element [o, i] is at offset + o*out +
// i*in of the buffer of a node.
type view struct{ node, offset, out, in int }

func (l *lowering) view(n int) view {
	n = l.canon(n)
	m := l.g.nodes[n]
	switch m.op {
	case opTranspose:
		v := l.view(m.args[0])
		v.out, v.in = v.in, v.out
		return v
	case opSlice:
		v := l.view(m.args[0])
		v.offset += m.i * v.in
		return v
	}
	return view{node: n, out: m.shape[1], in: 1}
}

// pack is the number of the packed weight for inputs k0..k0+k-1 of a view with
// n outputs.
func (l *lowering) pack(v view, k0, k, n int) int {
	b := l.buffer(v.node)
	spec := packing{from: b, offset: v.offset + k0*v.in, ld: v.out, transposed: true, k: k, n: n}
	if v.in != 1 || v.out < k {
		spec.ld, spec.transposed = v.in, false
	}
	at, ok := l.p.packed[spec]
	if !ok {
		at = len(l.p.packings)
		l.p.packed[spec] = at
		spec.pattern = l.pattern(v, k0, k, n)
		l.p.packings = append(l.p.packings, spec)
	}
	return at
}

func (l *lowering) linear(s *list, n int) instruction {
	m := l.g.nodes[n]
	if s == &l.p.refresh || s == &l.finish {
		i := &weights{x: l.buffer(m.args[0]), w: l.buffer(m.args[1])}
		if len(m.args) > 2 {
			b := l.buffer(m.args[2])
			i.bias = &b
		}
		i.y = l.set(s, n)
		return i
	}
	_, width := layout(m.shape)
	v := l.view(m.args[1])
	i := &product{}
	var start *buffer
	if len(m.args) > 2 {
		b := l.buffer(m.args[2])
		if b.single() && b.planes == 1 {
			i.bias = &b
		} else {
			start = &b
		}
	}
	// What depends on the time alone comes first, so that it can be computed
	// once where rows share the time; the sums are the same in both cases.
	type piece struct{ node, from, width int }
	var early, late []piece
	at := 0
	for _, a := range l.parts(m.args[0]) {
		sh := l.g.nodes[a].shape
		w := sh[len(sh)-1]
		switch c := l.g.nodes[a].class; {
		case l.zero(a):
		case c == timely || c == uniform:
			early = append(early, piece{a, at, w})
		default:
			late = append(late, piece{a, at, w})
		}
		at += w
	}
	operands := func(ps []piece, of func(int) buffer) (parts []part) {
		for _, p := range ps {
			parts = append(parts, part{of(p.node), l.pack(v, p.from, p.width, width)})
		}
		return parts
	}
	if s == &l.body && l.shared && len(early) > 0 && len(late) > 0 && start == nil && len(m.shape) == 1 {
		first := &product{parts: operands(early, l.buffer), bias: i.bias}
		first.y = l.make(&l.once, 1, width)
		l.close(&l.once)
		l.once.code = append(l.once.code, first)
		i.bias, i.parts = &first.y, operands(late, l.rows)
	} else if s == &l.once {
		i.parts = operands(append(early, late...), l.buffer)
	} else {
		i.parts = operands(append(early, late...), l.rows)
	}
	i.y = l.set(s, n)
	if start != nil {
		l.close(s)
		s.code = append(s.code, whole(i.y, *start))
		i.add = true
	}
	return i
}

// dot says whether a sum over the last axis is that of a product which nobody
// else needs, of a value with all of its planes and one with as many or fewer.
func (l *lowering) dot(n int) (a, b int, ok bool) {
	m := l.g.nodes[n]
	x := l.canon(m.args[0])
	p := l.g.nodes[x]
	if m.i != len(p.shape)-1 || p.op != opBinary || p.kind != mulOp || l.refs[x] != 1 {
		return 0, 0, false
	}
	a, sa := l.element(p.args[0])
	b, sb := l.element(p.args[1])
	if sa || sb || l.isFill(a) || l.isFill(b) {
		return 0, 0, false
	}
	planes, width := layout(p.shape)
	fits := func(n int) bool {
		pn, wn := layout(l.g.nodes[n].shape)
		return pn == planes && wn == width && (l.class(n) == l.class(x))
	}
	if !fits(a) {
		a, b = b, a
	}
	_, wb := layout(l.g.nodes[b].shape)
	return a, b, fits(a) && wb == width
}

func (l *lowering) sumLast(s *list, n int) instruction {
	m := l.g.nodes[n]
	if a, b, ok := l.dot(n); ok {
		x, y := l.buffer(a), l.buffer(b)
		return &sumLast{a: x, b: &y, width: x.width, y: l.set(s, n)}
	}
	x := l.buffer(m.args[0])
	return &sumLast{a: x, width: x.width, y: l.set(s, n)}
}

// findPairs finds operations of one argument that have a kernel for both.
func (l *lowering) findPairs() {
	l.slopes, l.pair = map[int]int{}, map[int]int{}
	type key struct{ kind, arg int }
	at := map[key]int{}
	for n, m := range l.g.nodes[:len(l.needed)] {
		if l.needed[n] && m.op == opUnary {
			at[key{m.kind, l.canon(m.args[0])}] = n
		}
	}
	for i, p := range pairs {
		for k, n := range at {
			other, ok := at[key{p.slope, k.arg}]
			if _, taken := l.slopes[other]; k.kind == p.value && ok && !taken {
				if _, taken := l.slopes[n]; !taken {
					l.slopes[n], l.slopes[other] = other, n
					l.pair[n] = i
				}
			}
		}
	}
}

// join adds an elementwise node to the open group, or opens another.
func (l *lowering) join(s *list, n int) {
	m := l.g.nodes[n]
	if len(s.open) > 0 {
		first := l.g.nodes[s.open[0]]
		p, w := layout(first.shape)
		q, v := layout(m.shape)
		fits := p == q && w == v
		for _, a := range m.args {
			// What is seen in another way than its own must be finished before.
			if e, spread := l.element(a); slices.Contains(s.open, e) {
				ep, ew := layout(l.g.nodes[e].shape)
				fits = fits && !spread && ep == p && ew == w
			}
		}
		if !fits {
			l.close(s)
		}
	}
	for _, a := range m.args {
		if e, _ := l.element(a); !l.isFill(e) && !slices.Contains(s.open, e) {
			l.buffer(e) // closes the group it lies in
		}
	}
	s.open = append(s.open, n)
}

// close makes an instruction of the open group.
func (l *lowering) close(s *list) {
	if len(s.open) == 0 {
		return
	}
	nodes := s.open
	s.open = nil
	b := grouping{l: l, s: s, g: &group{}, at: map[int]int{}, last: map[int]int{}}
	s.code = append(s.code, b.build(nodes))
}

// grouping builds a group.
type grouping struct {
	l    *lowering
	s    *list
	g    *group
	at   map[int]int // spots of the nodes of the group
	last map[int]int // step that uses a temporary last
	free []int
}

func (b *grouping) build(nodes []int) *group {
	l, g := b.l, b.g
	g.planes, g.width = layout(l.g.nodes[nodes[0]].shape)
	if g.ld = g.width; !b.s.single {
		g.ld = padded(g.width)
	}
	inside := map[int]int{}
	for k, n := range nodes {
		for _, a := range l.g.nodes[n].args {
			if e := l.canon(a); slices.Contains(nodes, e) {
				inside[e]++
				b.last[e] = k
			}
		}
	}
	var temporary []int
	for _, n := range nodes {
		if inside[n] < l.refs[n] {
			b.at[n] = isResult + len(g.results)
			g.results = append(g.results, l.set(b.s, n))
		} else {
			temporary = append(temporary, n)
		}
	}
	done := map[int]bool{}
	for k, n := range nodes {
		if done[n] {
			continue
		}
		b.step(nodes, n, k, temporary, done)
	}
	// Strips of operands come behind the temporaries.
	strips := g.temps
	for i := range g.operands {
		if o := &g.operands[i]; o.strip >= 0 {
			o.strip = strips
			strips++
		}
	}
	l.p.strips = max(l.p.strips, strips)
	g.strip = g.stripRows()
	l.p.stripSize = max(l.p.stripSize, g.strip*g.ld)
	l.p.spots = max(l.p.spots, len(g.operands)+len(g.results)+g.temps)
	b.number()
	return g
}

// What is a result or a temporary while it is not known how many operands there are.
const (
	isResult    = 1 << 29
	isTemporary = 1 << 30
)

// number gives steps the final numbers of their spots.
func (b *grouping) number() {
	final := func(at *int) {
		switch {
		case *at >= isTemporary:
			*at += len(b.g.operands) + len(b.g.results) - isTemporary
		case *at >= isResult:
			*at += len(b.g.operands) - isResult
		}
	}
	for i := range b.g.steps {
		s := &b.g.steps[i]
		for k := range s.args {
			final(&s.args[k])
		}
		final(&s.dst)
		final(&s.dst2)
	}
}

// destination is where node n goes.
func (b *grouping) destination(n int, temporary []int) int {
	if !slices.Contains(temporary, n) {
		return b.at[n]
	}
	at := isTemporary + b.temporary()
	b.at[n] = at
	return at
}

// temporary is the number of a strip that is free.
func (b *grouping) temporary() (index int) {
	if k := len(b.free); k > 0 {
		index, b.free = b.free[k-1], b.free[:k-1]
		return index
	}
	b.g.temps++
	return b.g.temps - 1
}

func (b *grouping) step(nodes []int, n, k int, temporary []int, done map[int]bool) {
	l := b.l
	m := l.g.nodes[n]
	var e elementwise
	args := m.args
	other, both := l.slopes[n]
	if both && m.op == opUnary && slices.Contains(nodes, other) {
		value, slope := n, other
		i, ok := l.pair[n]
		if !ok {
			value, slope = other, n
			i = l.pair[other]
		}
		e.both = pairs[i].fast
		e.args[0] = b.argument(args[0])
		e.dst, e.dst2 = b.destination(value, temporary), b.destination(slope, temporary)
		done[value], done[slope] = true, true
		b.g.steps = append(b.g.steps, e)
		b.release(args, k)
		return
	}
	done[n] = true
	switch m.op {
	case opUnary:
		if e.unary = unaryOps[m.kind].fast; e.unary == nil {
			// A slope alone: its value goes to a strip that nobody reads.
			i := slices.IndexFunc(pairs, func(p pair) bool { return p.slope == m.kind })
			e.both, e.args[0] = pairs[i].fast, b.argument(args[0])
			e.dst2, e.dst = b.destination(n, temporary), isTemporary+b.temporary()
			b.free = append(b.free, e.dst-isTemporary)
			b.g.steps = append(b.g.steps, e)
			b.release(args, k)
			return
		}
	case opSelect:
		e.choose = vector.Select
	case opBinary:
		e.binary = binaryKernels[m.kind]
		for i, a := range args {
			c, _ := l.element(a)
			if !l.isFill(c) {
				continue
			}
			v := float32(l.g.nodes[c].fill)
			switch {
			case m.kind == mulOp:
				e.scale, e.s, e.binary = vector.Scale, v, nil
			case m.kind == addOp:
				e.scale, e.s, e.binary = vector.Shift, v, nil
			case m.kind == subOp && i == 1:
				e.scale, e.s, e.binary = vector.Shift, -v, nil
			default:
				continue
			}
			args = []int{args[1-i]}
			break
		}
	}
	for i, a := range args {
		e.args[i] = b.argument(a)
	}
	b.release(args, k)
	e.dst = b.destination(n, temporary)
	b.g.steps = append(b.g.steps, e)
}

// release frees the temporaries that step k uses last.
func (b *grouping) release(args []int, k int) {
	for i, a := range args {
		e, _ := b.l.element(a)
		if at := b.at[e]; at >= isTemporary && b.last[e] == k && !slices.Contains(args[:i], a) && !slices.Contains(b.free, at-isTemporary) {
			b.free = append(b.free, at-isTemporary)
		}
	}
}

// argument is where a step finds a value.
func (b *grouping) argument(n int) int {
	l := b.l
	e, spread := l.element(n)
	if at, ok := b.at[e]; ok {
		return at
	}
	o := operand{spread: spread, strip: -1}
	if l.isFill(e) {
		o.consts, o.fill, o.strip, o.spread = true, float32(l.g.nodes[e].fill), 0, false
	} else {
		o.buffer = l.buffer(e)
		if o.width != b.g.width && !spread {
			o.spread = true // a number for each row
		}
		switch {
		case o.spread, !b.s.single && (o.single() || o.ld != b.g.ld):
			o.strip = 0
		}
		if o.width == 1 && b.g.width == 1 && o.planes == b.g.planes {
			o.spread = false
			if !o.single() || b.s.single {
				o.strip = -1
			}
		}
	}
	for i, have := range b.g.operands {
		if have == o {
			return i
		}
	}
	b.g.operands = append(b.g.operands, o)
	return len(b.g.operands) - 1
}
