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

// Conv2D is the correlation of an image x [..., height*width, channels] with
// kernels w [out, kh*kw*channels] (rows, columns, channels, the last fastest),
// zero padded so that its size stays: [..., height*width, out]. kh and kw are
// odd.
func (g *Graph) Conv2D(x, w, b Value, height, width, kh, kw int) Value {
	if !g.own("conv2d", x, w) {
		return Value{g, g.dead()}
	}
	s, ws := g.shape(x), g.shape(w)
	if height < 1 || width < 1 || kh < 1 || kw < 1 || kh%2 == 0 || kw%2 == 0 || len(s) < 2 || s[len(s)-2] != height*width {
		return g.fail("conv2d: %s is not an image of %d x %d, or the kernel %d x %d is not odd", g.label(x), height, width, kh, kw)
	}
	channels, lead := s[len(s)-1], s[:len(s)-2]
	if len(ws) != 2 || ws[1] != kh*kw*channels {
		return g.fail("conv2d: the weight %s does not fit %d x %d kernels of %d channels", g.label(w), kh, kw, channels)
	}
	index := make([]int32, 0, height*width*kh*kw*channels)
	for i := range height {
		for j := range width {
			for di := -kh / 2; di <= kh/2; di++ {
				for dj := -kw / 2; dj <= kw/2; dj++ {
					inside := i+di >= 0 && i+di < height && j+dj >= 0 && j+dj < width
					for c := range channels {
						at := int32(-1)
						if inside {
							at = int32(((i+di)*width+j+dj)*channels + c)
						}
						index = append(index, at)
					}
				}
			}
		}
	}
	flat := g.Reshape(x, append(slices.Clone(lead), height*width*channels)...)
	patches := g.Reshape(g.Gather(flat, index), append(slices.Clone(lead), height*width, kh*kw*channels)...)
	return g.Linear(patches, w, b)
}
