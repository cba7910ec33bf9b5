package autodiff

import (
	"math"
	"slices"
)

// The binary operations.
const (
	addOp = iota
	subOp
	mulOp
	divOp
	maxOp
	minOp
)

var binaryNames = [...]string{"add", "sub", "mul", "div", "max", "min"}

func binary64(kind int, a, b float64) float64 {
	switch kind {
	case addOp:
		return a + b
	case subOp:
		return a - b
	case mulOp:
		return a * b
	case divOp:
		return a / b
	case maxOp:
		return math.Max(a, b)
	}
	return math.Min(a, b)
}

// suffix says whether a are the last axes of b.
func suffix(a, b []int) bool { return len(a) <= len(b) && slices.Equal(a, b[len(b)-len(a):]) }

// together is the shape of an elementwise operation: the largest, of which the
// others are the last axes.
func (g *Graph) together(what string, vs ...Value) ([]int, bool) {
	if !g.own(what, vs...) {
		return nil, false
	}
	s := g.shape(vs[0])
	for _, v := range vs[1:] {
		if t := g.shape(v); len(t) > len(s) {
			s = t
		}
	}
	for _, v := range vs {
		if !suffix(g.shape(v), s) {
			g.fail("%s: %s and %s: one shape must be the last axes of the other", what, g.label(vs[0]), g.label(v))
			return nil, false
		}
	}
	return s, true
}

func (g *Graph) binary(kind int, a, b Value) Value {
	s, ok := g.together(binaryNames[kind], a, b)
	if !ok {
		return Value{g, g.dead()}
	}
	na, nb := g.nodes[a.n], g.nodes[b.n]
	if na.op == opConst && na.data == nil && nb.op == opConst && nb.data == nil {
		return g.Fill(binary64(kind, na.fill, nb.fill), s...)
	}
	whole := func(v Value) bool { return len(g.shape(v)) == len(s) }
	switch {
	case (kind == addOp || kind == subOp) && g.isFill(b, 0) && whole(a),
		(kind == mulOp || kind == divOp) && g.isFill(b, 1) && whole(a):
		return a
	case kind == addOp && g.isFill(a, 0) && whole(b), kind == mulOp && g.isFill(a, 1) && whole(b):
		return b
	case kind == mulOp && (g.isFill(a, 0) || g.isFill(b, 0)):
		return g.Fill(0, s...)
	case (kind == addOp || kind == mulOp) && a.n > b.n:
		a, b = b, a // both commute: equal values are found
	}
	return g.add(node{op: opBinary, kind: kind, shape: s}, a, b)
}

// Add is a + b. As for all elementwise operations of two values, the shape of
// one must be the last axes of the other's, over whose other axes it repeats.
func (g *Graph) Add(a, b Value) Value { return g.binary(addOp, a, b) }

// Sub is a - b.
func (g *Graph) Sub(a, b Value) Value { return g.binary(subOp, a, b) }

// Mul is a b, elementwise.
func (g *Graph) Mul(a, b Value) Value { return g.binary(mulOp, a, b) }

// Div is a / b.
func (g *Graph) Div(a, b Value) Value { return g.binary(divOp, a, b) }

// Max is the larger of a and b; where they are equal the derivative is b's.
func (g *Graph) Max(a, b Value) Value { return g.binary(maxOp, a, b) }

// Min is the smaller of a and b; where they are equal the derivative is b's.
func (g *Graph) Min(a, b Value) Value { return g.binary(minOp, a, b) }

// Scale is s a.
func (g *Graph) Scale(a Value, s float64) Value { return g.Mul(a, g.Fill(s)) }

// Select is a where cond > 0 and b elsewhere.
func (g *Graph) Select(cond, a, b Value) Value {
	s, ok := g.together("select", cond, a, b)
	if !ok {
		return Value{g, g.dead()}
	}
	return g.add(node{op: opSelect, shape: s}, cond, a, b)
}

// Linear is x Wᵀ + b over the last axis: x [..., in], w [out, in], which is the
// same for all rows, and b, whose shape is the last axes of the result's and
// which may be no value: [..., out].
func (g *Graph) Linear(x, w, b Value) Value {
	if !g.own("linear", x, w) || !b.IsZero() && !g.own("linear", b) {
		return Value{g, g.dead()}
	}
	xs, ws := g.shape(x), g.shape(w)
	if len(xs) == 0 || len(ws) != 2 || ws[1] != xs[len(xs)-1] {
		return g.fail("linear: %s does not fit the weight %s: its last axis must be the weight's", g.label(x), g.label(w))
	}
	if c := g.nodes[w.n].class; c == perRow || c == timely {
		return g.fail("linear: the weight %s is not the same for all rows", g.label(w))
	}
	s := append(slices.Clone(xs[:len(xs)-1]), ws[0])
	if !b.IsZero() && !suffix(g.shape(b), s) {
		return g.fail("linear: %s is not the last axes of the result, which is %v", g.label(b), s)
	}
	if g.isFill(x, 0) || g.isFill(w, 0) {
		if b.IsZero() {
			return g.Fill(0, s...)
		}
		return g.spread(b, s)
	}
	if b.IsZero() || g.isFill(b, 0) {
		return g.add(node{op: opLinear, shape: s}, x, w)
	}
	return g.add(node{op: opLinear, shape: s}, x, w, b)
}

// spread repeats v, whose shape is the last axes of s, over the others.
func (g *Graph) spread(v Value, s []int) Value {
	if len(g.shape(v)) == len(s) {
		return v
	}
	return g.Reshape(g.Broadcast(v, 0, size(s)/size(g.shape(v))), s...)
}

// outer is delta ⊗ x, summed over leading axes and, if rows is set, over rows.
func (g *Graph) outer(delta, x Value, rows bool) Value {
	ds, xs := g.shape(delta), g.shape(x)
	out, in := ds[len(ds)-1], xs[len(xs)-1]
	of := func(v Value) bool { return g.ofRow(v.n) }
	switch {
	case of(delta) && of(x):
		return Value{g, g.node(node{op: opOuter, shape: []int{out, in}, args: []int{delta.n, x.n}})}
	case of(x):
		x = g.sumRows(x)
	case of(delta) || rows:
		delta = g.sumRows(delta)
	}
	flat := func(v Value, w int) Value { return g.Transpose(g.Reshape(v, size(g.shape(v))/w, w)) }
	return g.Linear(flat(delta, out), flat(x, in), Value{})
}

// sumRows is the sum of v over the rows.
func (g *Graph) sumRows(v Value) Value {
	return Value{g, g.node(node{op: opSumRows, shape: g.shape(v), args: []int{v.n}})}
}

// Transpose swaps the last two axes.
func (g *Graph) Transpose(v Value) Value {
	if !g.own("transpose", v) {
		return Value{g, g.dead()}
	}
	s := slices.Clone(g.shape(v))
	if len(s) < 2 {
		return g.fail("transpose: %s has fewer than two axes", g.label(v))
	}
	if n := g.nodes[v.n]; n.op == opTranspose {
		return Value{g, n.args[0]}
	}
	s[len(s)-1], s[len(s)-2] = s[len(s)-2], s[len(s)-1]
	return g.add(node{op: opTranspose, shape: s}, v)
}

// Reshape gives v another shape; elements stay in their order, last axis
// fastest.
func (g *Graph) Reshape(v Value, shape ...int) Value {
	if !g.own("reshape", v) {
		return Value{g, g.dead()}
	}
	n := g.nodes[v.n]
	if !legal(shape) || size(shape) != size(n.shape) {
		return g.fail("reshape: %s does not fill %v", g.label(v), shape)
	}
	switch {
	case slices.Equal(shape, n.shape):
		return v
	case n.op == opReshape:
		return g.Reshape(Value{g, n.args[0]}, shape...)
	case n.op == opConst && n.data == nil:
		return g.Fill(n.fill, shape...)
	}
	return g.add(node{op: opReshape, shape: slices.Clone(shape)}, v)
}

// Concat joins values along the last axis; their other axes are equal.
func (g *Graph) Concat(vs ...Value) Value {
	if !g.own("concat", vs...) {
		return Value{g, g.dead()}
	}
	if len(vs) == 0 || len(g.shape(vs[0])) == 0 {
		return g.fail("concat: there must be values, with an axis")
	}
	if len(vs) == 1 {
		return vs[0]
	}
	s := slices.Clone(g.shape(vs[0]))
	last := len(s) - 1
	s[last] = 0
	for _, v := range vs {
		t := g.shape(v)
		if len(t) != len(s) || !slices.Equal(t[:last], s[:last]) {
			return g.fail("concat: %s and %s differ in more than the last axis", g.label(vs[0]), g.label(v))
		}
		s[last] += t[last]
	}
	return g.add(node{op: opConcat, shape: s}, vs...)
}

// Slice is elements lo..hi-1 of the last axis.
func (g *Graph) Slice(v Value, lo, hi int) Value {
	if !g.own("slice", v) {
		return Value{g, g.dead()}
	}
	n := g.nodes[v.n]
	last := len(n.shape) - 1
	if last < 0 || lo < 0 || lo >= hi || hi > n.shape[last] {
		return g.fail("slice: there is no %d:%d of %s", lo, hi, g.label(v))
	}
	if lo == 0 && hi == n.shape[last] {
		return v
	}
	s := slices.Clone(n.shape)
	s[last] = hi - lo
	switch n.op {
	case opConst:
		if n.data == nil {
			return g.Fill(n.fill, s...)
		}
	case opSlice:
		return g.Slice(Value{g, n.args[0]}, n.i+lo, n.i+hi)
	case opConcat:
		at := 0
		for _, a := range n.args {
			w := g.nodes[a].shape[last]
			if lo >= at && hi <= at+w {
				return g.Slice(Value{g, a}, lo-at, hi-at)
			}
			at += w
		}
	case opLinear: // only the rows of the weight that are wanted
		if w := g.nodes[n.args[1]]; len(n.args) == 2 && w.op == opTranspose {
			return g.Linear(Value{g, n.args[0]}, g.Transpose(g.Slice(Value{g, w.args[0]}, lo, hi)), Value{})
		}
	}
	return g.add(node{op: opSlice, shape: s, i: lo, j: hi}, v)
}

// Sum adds up an axis, which goes.
func (g *Graph) Sum(v Value, axis int) Value {
	if !g.own("sum", v) {
		return Value{g, g.dead()}
	}
	n := g.nodes[v.n]
	if axis < 0 || axis >= len(n.shape) {
		return g.fail("sum: %s has no axis %d", g.label(v), axis)
	}
	s := slices.Delete(slices.Clone(n.shape), axis, axis+1)
	switch {
	case n.op == opConst && n.data == nil:
		return g.Fill(n.fill*float64(n.shape[axis]), s...)
	case n.shape[axis] == 1:
		return g.Reshape(v, s...)
	case n.op == opBroadcast && n.i == axis:
		return g.Mul(Value{g, n.args[0]}, g.Fill(float64(n.j)))
	}
	return g.add(node{op: opSum, shape: s, i: axis}, v)
}

// SumAll adds up all elements: a number for each row.
func (g *Graph) SumAll(v Value) Value {
	if !g.own("sum", v) {
		return Value{g, g.dead()}
	}
	for len(g.shape(v)) > 0 && g.err == nil {
		v = g.Sum(v, len(g.shape(v))-1)
	}
	return v
}

// Broadcast repeats v k times along a new axis.
func (g *Graph) Broadcast(v Value, axis, k int) Value {
	if !g.own("broadcast", v) {
		return Value{g, g.dead()}
	}
	n := g.nodes[v.n]
	if axis < 0 || axis > len(n.shape) || k < 1 || size(n.shape) > maxSize/k {
		return g.fail("broadcast: no axis %d of %d for %s", axis, k, g.label(v))
	}
	s := slices.Insert(slices.Clone(n.shape), axis, k)
	if k == 1 {
		return g.Reshape(v, s...)
	}
	if n.op == opConst && n.data == nil {
		return g.Fill(n.fill, s...)
	}
	return g.add(node{op: opBroadcast, shape: s, i: axis, j: k}, v)
}

// Gather takes element index[i] of the last axis to place i of a new last axis;
// -1 is zero. A permutation is a gather, and so is what a convolution takes its
// patches by.
func (g *Graph) Gather(v Value, index []int32) Value {
	return g.indexed(opGather, v, index, len(index))
}

// Scatter adds element i of the last axis to place index[i] of a new last axis
// of n elements; -1 is left out. It is the adjoint of Gather.
func (g *Graph) Scatter(v Value, index []int32, n int) Value {
	return g.indexed(opScatter, v, index, n)
}

func (g *Graph) indexed(o op, v Value, index []int32, n int) Value {
	if !g.own(o.String(), v) {
		return Value{g, g.dead()}
	}
	s := slices.Clone(g.shape(v))
	last := len(s) - 1
	if last < 0 || n < 1 || len(index) == 0 {
		return g.fail("%s: %s has no axis to take from, or nothing is taken", o, g.label(v))
	}
	most := s[last]
	if o == opScatter {
		most = n
		if len(index) != s[last] {
			return g.fail("scatter: %d places for %s", len(index), g.label(v))
		}
	}
	for _, i := range index {
		if i < -1 || int(i) >= most {
			return g.fail("%s: place %d of %d", o, i, most)
		}
	}
	s[last] = n
	return g.add(node{op: o, shape: s, index: slices.Clone(index), i: n}, v)
}

// MaxLast is the largest element of the last axis, which goes. It has no
// derivative: use StopGradient, as Softmax does.
func (g *Graph) MaxLast(v Value) Value {
	if !g.own("max", v) {
		return Value{g, g.dead()}
	}
	s := g.shape(v)
	if len(s) == 0 {
		return g.fail("max: %s has no axis", g.label(v))
	}
	return g.add(node{op: opMaxLast, shape: slices.Clone(s[:len(s)-1])}, v)
}

// StopGradient is v, and a constant for derivatives.
func (g *Graph) StopGradient(v Value) Value {
	if !g.own("stopgradient", v) {
		return Value{g, g.dead()}
	}
	return g.add(node{op: opStopGradient, shape: g.shape(v)}, v)
}
