package autodiff

import "slices"

// VJP is the derivative of outs pulled back (reverse mode): for each value of
// wrt, the sum over outs y of cotangent (dy/dx), in the shape of x. What
// belongs to a row is pulled back row by row; for a parameter, or another value
// that is the same for all rows, the rows are summed, and the result can only
// be the output of a program. A cotangent has the shape of its out; no value is
// zero.
func (g *Graph) VJP(outs, cotangents, wrt []Value) []Value {
	result := make([]Value, len(wrt))
	for i := range result {
		result[i] = Value{g, g.dead()}
	}
	if !g.own("vjp", outs...) || !g.own("vjp", wrt...) {
		return result
	}
	if len(outs) != len(cotangents) {
		g.fail("vjp: %d cotangents for %d values", len(cotangents), len(outs))
		return result
	}
	v := vjp{g: g, c: make(map[int]Value), needs: g.reaches(wrt)}
	most := 0
	for i, o := range outs {
		c := cotangents[i]
		if c.IsZero() {
			continue
		}
		if !g.own("vjp", c) {
			return result
		}
		if !slices.Equal(g.shape(c), g.shape(o)) {
			g.fail("vjp: the cotangent %s does not fit %s", g.label(c), g.label(o))
			return result
		}
		v.to(o.n, c, true)
		most = max(most, o.n)
	}
	for n := most; n >= 0 && g.err == nil; n-- {
		if c, ok := v.c[n]; ok && v.needs[n] {
			v.node(n, c)
		}
	}
	for i, w := range wrt {
		c, ok := v.c[w.n]
		if !ok {
			c = g.Fill(0, g.shape(w)...)
			if g.nodes[w.n].class == uniform {
				c = g.sumRows(c) // a sum as all others
			}
		}
		result[i] = c
	}
	return result
}

// reaches says which nodes depend on one of vs.
func (g *Graph) reaches(vs []Value) []bool {
	on := make([]bool, len(g.nodes))
	for _, v := range vs {
		on[v.n] = true
	}
	for n := range g.nodes {
		for _, a := range g.nodes[n].args {
			on[n] = on[n] || on[a]
		}
	}
	return on
}

type vjp struct {
	g     *Graph
	c     map[int]Value
	needs []bool
}

// to adds a cotangent to a node, summed over the axes that the node lacks and,
// where what it was used for belongs to a row and the node does not, over rows.
func (v *vjp) to(n int, c Value, rows bool) {
	if !v.needs[n] {
		return
	}
	g := v.g
	s := g.nodes[n].shape
	if cs := g.shape(c); len(cs) > len(s) {
		c = g.Sum(g.Reshape(c, append([]int{size(cs) / size(s)}, s...)...), 0)
	}
	if g.nodes[n].class == uniform && rows && g.nodes[c.n].class != reduced {
		c = g.sumRows(c)
	}
	v.c[n] = g.plus(v.c[n], c)
}

// node hands the cotangent of node at on to its arguments.
func (v *vjp) node(at int, c Value) {
	g := v.g
	n := g.nodes[at]
	arg := func(i int) Value { return Value{g, n.args[i]} }
	rows := g.ofRow(at)
	to := func(i int, c func() Value) {
		if v.needs[n.args[i]] {
			v.to(n.args[i], c(), rows)
		}
	}
	switch n.op {
	case opInput, opParam, opConst, opStopGradient:
	case opUnary:
		if prime := unaryOps[n.kind].prime; prime != nil {
			to(0, func() Value { return g.Mul(c, prime(g, arg(0), Value{g, at})) })
		}
	case opBinary:
		a, b := arg(0), arg(1)
		switch n.kind {
		case addOp:
			to(0, func() Value { return c })
			to(1, func() Value { return c })
		case subOp:
			to(0, func() Value { return c })
			to(1, func() Value { return g.Neg(c) })
		case mulOp:
			to(0, func() Value { return g.Mul(c, b) })
			to(1, func() Value { return g.Mul(c, a) })
		case divOp:
			to(0, func() Value { return g.Div(c, b) })
			to(1, func() Value { return g.Neg(g.Mul(c, g.Div(Value{g, at}, b))) })
		default:
			first := g.Step(g.Sub(a, b))
			if n.kind == minOp {
				first = g.Step(g.Sub(b, a))
			}
			to(0, func() Value { return g.Mul(c, first) })
			to(1, func() Value { return g.Mul(c, g.Sub(g.Fill(1), first)) })
		}
	case opSelect:
		zero := g.Fill(0, n.shape...)
		to(1, func() Value { return g.Select(arg(0), c, zero) })
		to(2, func() Value { return g.Select(arg(0), zero, c) })
	case opLinear:
		// The gradient of the weight first: it needs what the other does not keep.
		to(1, func() Value { return g.outer(c, arg(0), rows) })
		if len(n.args) > 2 {
			to(2, func() Value { return c })
		}
		to(0, func() Value { return g.Linear(c, g.Transpose(arg(1)), Value{}) })
	case opTranspose:
		to(0, func() Value { return g.Transpose(c) })
	case opReshape:
		to(0, func() Value { return g.Reshape(c, g.nodes[n.args[0]].shape...) })
	case opConcat:
		lo := 0
		for i, a := range n.args {
			s := g.nodes[a].shape
			hi := lo + s[len(s)-1]
			from := lo
			to(i, func() Value { return g.Slice(c, from, hi) })
			lo = hi
		}
	case opSlice:
		to(0, func() Value { return g.pad(c, n.i, g.nodes[n.args[0]].shape) })
	case opSum:
		to(0, func() Value { return g.Broadcast(c, n.i, g.nodes[n.args[0]].shape[n.i]) })
	case opBroadcast:
		to(0, func() Value { return g.Sum(c, n.i) })
	case opGather:
		s := g.nodes[n.args[0]].shape
		to(0, func() Value { return g.Scatter(c, n.index, s[len(s)-1]) })
	case opScatter:
		to(0, func() Value { return g.Gather(c, n.index) })
	case opConvolve:
		v := windowOf(n)
		to(1, func() Value {
			if n.j == 1 {
				return g.kernels(arg(0), c, v, rows)
			}
			return g.kernels(c, arg(0), v, rows)
		})
		to(0, func() Value { return g.convolve(c, arg(1), v, n.j == 0) })
	default:
		g.fail("vjp: %s has no derivative", n.op)
	}
}

// pad puts v at place lo of the last axis of zeros of shape s.
func (g *Graph) pad(v Value, lo int, s []int) Value {
	last := len(s) - 1
	hi := lo + g.shape(v)[last]
	zeros := func(n int) Value {
		t := slices.Clone(s)
		t[last] = n
		return g.Fill(0, t...)
	}
	var parts []Value
	if lo > 0 {
		parts = append(parts, zeros(lo))
	}
	parts = append(parts, v)
	if hi < s[last] {
		parts = append(parts, zeros(s[last]-hi))
	}
	return g.Concat(parts...)
}
