package autodiff

import "slices"

// What follows is made of the operations and needs no rule of its own.

// SumLast adds up the last axis and keeps it, with one element for each that
// was there: what a mean or a norm over features is made of.
func (g *Graph) SumLast(v Value) Value {
	if !g.own("sum", v) {
		return Value{g, g.dead()}
	}
	s := g.shape(v)
	if len(s) == 0 {
		return v
	}
	last := len(s) - 1
	return g.Broadcast(g.Sum(v, last), last, s[last])
}

// Softmax is e^x over its sum along the last axis.
func (g *Graph) Softmax(x Value) Value {
	if !g.own("softmax", x) {
		return Value{g, g.dead()}
	}
	s := g.shape(x)
	if len(s) == 0 {
		return g.fail("softmax: %s has no axis", g.label(x))
	}
	last := len(s) - 1
	top := g.Broadcast(g.StopGradient(g.MaxLast(x)), last, s[last])
	e := g.Exp(g.Sub(x, top))
	return g.Div(e, g.SumLast(e))
}

// CumSum is the running sum along the last axis.
func (g *Graph) CumSum(x Value) Value {
	if !g.own("cumsum", x) {
		return Value{g, g.dead()}
	}
	s := g.shape(x)
	if len(s) == 0 {
		return g.fail("cumsum: %s has no axis", g.label(x))
	}
	n := s[len(s)-1]
	lower := make([]float64, n*n)
	for i := range n {
		for j := range i + 1 {
			lower[i*n+j] = 1
		}
	}
	return g.Linear(x, g.Const(lower, n, n), Value{})
}

// Bin is the one-hot place of x [...] among sorted knots [..., n+1]: 1 in bin k
// when knot k < x <= knot k+1, and zero everywhere when x lies outside. Times a
// value for each bin and summed, it is a look-up.
func (g *Graph) Bin(x, knots Value) Value {
	if !g.own("bin", x, knots) {
		return Value{g, g.dead()}
	}
	s := g.shape(knots)
	last := len(s) - 1
	if last < 0 || s[last] < 2 || !slices.Equal(s[:last], g.shape(x)) {
		return g.fail("bin: %s does not fit the knots %s", g.label(x), g.label(knots))
	}
	over := g.Step(g.Sub(g.Broadcast(x, last, s[last]), knots))
	return g.Sub(g.Slice(over, 0, s[last]-1), g.Slice(over, 1, s[last]))
}

// LayerNorm is (x - mean) / sqrt(variance + eps) along the last axis (Ba,
// Kiros, Hinton 2016), without scale and shift.
func (g *Graph) LayerNorm(x Value, eps float64) Value {
	if !g.own("layernorm", x) {
		return Value{g, g.dead()}
	}
	s := g.shape(x)
	if len(s) == 0 {
		return g.fail("layernorm: %s has no axis", g.label(x))
	}
	last := len(s) - 1
	n := float64(s[last])
	c := g.Sub(x, g.Scale(g.SumLast(x), 1/n))
	sd := g.Sqrt(g.Add(g.Scale(g.Sum(g.Square(c), last), 1/n), g.Fill(eps)))
	return g.Mul(c, g.Broadcast(g.Reciprocal(sd), last, s[last]))
}
