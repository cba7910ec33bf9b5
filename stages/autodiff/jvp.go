package autodiff

import "slices"

// JVP is the derivative of outs along tangents of ins (forward mode): for each
// out y the sum over ins x of (dy/dx) tangent. A tangent has the shape of its
// in; or all of them have one more axis in front, k, and so have the results:
// k directions side by side, which share what does not depend on them. A
// tangent may be no value, which is zero.
func (g *Graph) JVP(outs, ins, tangents []Value) []Value {
	result := make([]Value, len(outs))
	for i := range result {
		result[i] = Value{g, g.dead()}
	}
	if !g.own("jvp", outs...) || !g.own("jvp", ins...) {
		return result
	}
	j := jvp{g: g, t: make(map[int]Value), k: -1}
	if len(ins) != len(tangents) {
		g.fail("jvp: %d tangents for %d values", len(tangents), len(ins))
		return result
	}
	for i, t := range tangents {
		if t.IsZero() {
			continue
		}
		if !g.own("jvp", t) {
			return result
		}
		s, ts := g.shape(ins[i]), g.shape(t)
		k := 0
		if len(ts) == len(s)+1 {
			k = ts[0]
		}
		if !suffix(s, ts) || len(ts) > len(s)+1 || j.k >= 0 && k != j.k {
			g.fail("jvp: the tangent %s does not fit %s", g.label(t), g.label(ins[i]))
			return result
		}
		j.k = k
		j.t[ins[i].n] = t
	}
	j.k = max(j.k, 0)
	most := 0
	for _, o := range outs {
		most = max(most, o.n)
	}
	live := g.live(outs, opStopGradient)
	// Derivatives add nodes behind most.
	for n := 0; n <= most && g.err == nil; n++ {
		if live[n] && j.t[n].IsZero() {
			if t := j.node(n); !t.IsZero() {
				j.t[n] = t
			}
		}
	}
	for i, o := range outs {
		if result[i] = j.t[o.n]; result[i].IsZero() {
			result[i] = g.Fill(0, j.lead(g.shape(o))...)
		}
	}
	return result
}

// live says which nodes the values depend on, other than through the given
// operations.
func (g *Graph) live(vs []Value, but ...op) []bool {
	live := make([]bool, len(g.nodes))
	for _, v := range vs {
		live[v.n] = true
	}
	for n := len(live) - 1; n >= 0; n-- {
		if live[n] && !slices.Contains(but, g.nodes[n].op) {
			for _, a := range g.nodes[n].args {
				live[a] = true
			}
		}
	}
	return live
}

type jvp struct {
	g *Graph
	t map[int]Value // tangents that are not zero
	k int           // directions, 0 for one without an axis
}

// lead is the shape of the tangent of a value.
func (j *jvp) lead(s []int) []int {
	if j.k == 0 {
		return slices.Clone(s)
	}
	return append([]int{j.k}, s...)
}

// shift is how far the axes of a tangent are moved.
func (j *jvp) shift() int { return min(j.k, 1) }

// wide is the tangent of argument a of a node of shape s, repeated over the
// axes that the argument lacks.
func (j *jvp) wide(a int, s []int) Value {
	t := j.t[a]
	if t.IsZero() {
		return t
	}
	g := j.g
	if as := g.nodes[a].shape; len(as) < len(s) {
		t = g.Broadcast(t, j.shift(), size(s)/size(as))
		t = g.Reshape(t, j.lead(s)...)
	}
	return t
}

// plus adds values of which either may be none.
func (g *Graph) plus(a, b Value) Value {
	switch {
	case a.IsZero():
		return b
	case b.IsZero():
		return a
	}
	if sum, ok := g.fitted(a, b); ok {
		return sum
	}
	return g.Add(a, b)
}

// node is the tangent of node n.
func (j *jvp) node(at int) Value {
	g := j.g
	n := g.nodes[at]
	moves := false
	for _, a := range n.args {
		moves = moves || !j.t[a].IsZero()
	}
	if !moves {
		return Value{}
	}
	arg := func(i int) Value { return Value{g, n.args[i]} }
	t := func(i int) Value { return j.t[n.args[i]] }
	times := func(t, factor Value) Value {
		if t.IsZero() {
			return t
		}
		return g.Mul(t, factor)
	}
	switch n.op {
	case opUnary:
		prime := unaryOps[n.kind].prime
		if prime == nil {
			return Value{}
		}
		return g.Mul(t(0), prime(g, arg(0), Value{g, at}))
	case opBinary:
		ta, tb := j.wide(n.args[0], n.shape), j.wide(n.args[1], n.shape)
		a, b := arg(0), arg(1)
		switch n.kind {
		case addOp:
			return g.plus(ta, tb)
		case subOp:
			if tb.IsZero() {
				return ta
			}
			return g.plus(ta, g.Neg(tb))
		case mulOp:
			return g.plus(times(ta, b), times(tb, a))
		case divOp:
			return g.plus(times(ta, g.Reciprocal(b)), times(tb, g.Neg(g.Div(Value{g, at}, b))))
		}
		first := g.Step(g.Sub(a, b)) // where a is the larger
		if n.kind == minOp {
			first = g.Step(g.Sub(b, a))
		}
		return g.plus(times(ta, first), times(tb, g.Sub(g.Fill(1), first)))
	case opSelect:
		zero := g.Fill(0, j.lead(n.shape)...)
		part := func(i int) Value {
			if v := j.wide(n.args[i], n.shape); !v.IsZero() {
				return v
			}
			return zero
		}
		if t(1).IsZero() && t(2).IsZero() {
			return Value{}
		}
		return g.Select(arg(0), part(1), part(2))
	case opLinear:
		var v Value
		if !t(0).IsZero() {
			v = g.Linear(t(0), arg(1), Value{})
		}
		if !t(1).IsZero() {
			if j.k > 0 {
				return g.fail("jvp: several directions of the weight %s", g.label(arg(1)))
			}
			v = g.plus(v, g.Linear(arg(0), t(1), Value{}))
		}
		if len(n.args) > 2 {
			v = g.plus(v, j.wide(n.args[2], n.shape))
		}
		return v
	case opTranspose:
		return g.Transpose(t(0))
	case opReshape:
		return g.Reshape(t(0), j.lead(n.shape)...)
	case opConcat:
		parts := make([]Value, len(n.args))
		for i, a := range n.args {
			if parts[i] = j.t[a]; parts[i].IsZero() {
				parts[i] = g.Fill(0, j.lead(g.nodes[a].shape)...)
			}
		}
		return g.Concat(parts...)
	case opSlice:
		return g.Slice(t(0), n.i, n.j)
	case opSum:
		return g.Sum(t(0), n.i+j.shift())
	case opBroadcast:
		return g.Broadcast(t(0), n.i+j.shift(), n.j)
	case opGather:
		return g.Gather(t(0), n.index)
	case opScatter:
		return g.Scatter(t(0), n.index, n.i)
	case opConvolve:
		v := windowOf(n)
		var y Value
		if !t(0).IsZero() {
			y = g.convolve(t(0), arg(1), v, n.j == 1)
		}
		if !t(1).IsZero() {
			if j.k > 0 {
				return g.fail("jvp: several directions of the weight %s", g.label(arg(1)))
			}
			y = g.plus(y, g.convolve(arg(0), t(1), v, n.j == 1))
		}
		return y
	case opStopGradient:
		return Value{}
	}
	return g.fail("jvp: %s has no derivative", n.op)
}
