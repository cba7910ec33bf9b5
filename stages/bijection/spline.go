package bijection

// Spline is a monotone rational-quadratic spline (Gregory and Delbourgo 1982;
// Durkan et al. 2019, eqs. 4 to 8) from [-Bound, Bound] to itself, the identity
// outside (linear tails). Its parameters are Bins numbers a that give widths,
// Bins that give heights, and Bins-1 that give derivatives at the inner knots;
// at the outer ones the derivative is 1:
//
//	w = 2 Bound softmax(soft(a)),  h alike,  d = exp(soft(a))
//
// soft(a) = a/(1+|a|/limit) with limit ln(1000)/2 for widths and heights and ln
// 1000 for derivatives, as in zuko. In the bin of x, with slope s = h/w and
// place q = (x-x0)/w,
//
//	z   = y0 + h (s q² + d0 q(1-q)) / (s + (d0+d1-2s) q(1-q))
//	dz/dx = s² (d1 q² + 2s q(1-q) + d0 (1-q)²) / (s + (d0+d1-2s) q(1-q))²
//
// and the inverse is the root of a quadratic (eqs. 6 to 8), q = 2c/(-b -
// sqrt(b²-4ac)). All is elementwise: a bin is chosen by selects, so that the
// whole spline is one group, and sums stay unscaled, so that knots cost nothing.
type Spline struct {
	Bins  int
	Bound float64
}

// Parameters is 3 Bins - 1.
func (s Spline) Parameters() int { return 3*s.Bins - 1 }

// bin is the bin of a number: beginning and size along the axis that is known
// and the other one, in units in which the axes have the lengths sum and other.
type bin struct {
	at, size, sum          Value // of the axis that is known
	otherAt, otherSize, os Value
	d0, d1                 Value
}

// find gives the bin of u >= 0, which is in units of the known axis; lead are
// its sizes.
func (s Spline) find(b *Builder, x Value, lead, other, derivative []Value) (c bin, u Value) {
	weights := func(p []Value) []Value {
		out := make([]Value, len(p))
		for i := range p {
			out[i] = b.Exp(soft(b, p[i], scaleLimit/2))
		}
		return out
	}
	w, h := weights(lead), weights(other)
	total := func(p []Value) Value {
		sum := p[0]
		for _, v := range p[1:] {
			sum = b.Add(sum, v)
		}
		return sum
	}
	c.sum, c.os = total(w), total(h)
	u = b.Mul(b.Scale(b.Add(x, b.Fill(s.Bound)), 1/(2*s.Bound)), c.sum)
	zero := b.Fill(0, x.Shape()...)
	c.at, c.otherAt, c.d0, c.d1 = zero, zero, zero, zero
	c.size, c.otherSize = w[0], h[0]
	if s.Bins > 1 {
		c.d1 = derivative[0]
	}
	var from, otherFrom Value
	for k := 1; k < s.Bins; k++ {
		if k == 1 {
			from, otherFrom = w[0], h[0]
		} else {
			from, otherFrom = b.Add(from, w[k-1]), b.Add(otherFrom, h[k-1])
		}
		over := b.Sub(u, from)
		next := zero
		if k < s.Bins-1 {
			next = derivative[k]
		}
		c.at, c.size = b.Select(over, from, c.at), b.Select(over, w[k], c.size)
		c.otherAt, c.otherSize = b.Select(over, otherFrom, c.otherAt), b.Select(over, h[k], c.otherSize)
		c.d0, c.d1 = b.Select(over, derivative[k-1], c.d0), b.Select(over, next, c.d1)
	}
	c.d0, c.d1 = b.Exp(soft(b, c.d0, scaleLimit)), b.Exp(soft(b, c.d1, scaleLimit))
	return c, u
}

// inside takes numbers outside of the bound to 0, so that nothing that is not
// used overflows; in is positive inside.
func (s Spline) inside(b *Builder, x Value) (safe, in Value) {
	in = b.Sub(b.Fill(s.Bound), b.Abs(x))
	return b.Select(in, x, b.Fill(0, x.Shape()...)), in
}

// scaled takes v from units in which the axis has the length sum to data.
func (s Spline) scaled(b *Builder, v, sum Value) Value {
	return b.Sub(b.Scale(b.Div(v, sum), 2*s.Bound), b.Fill(s.Bound))
}

// Normalize is the spline.
func (s Spline) Normalize(b *Builder, x Value, p []Value) (z, logdet Value) {
	k := s.Bins
	safe, in := s.inside(b, x)
	c, u := s.find(b, safe, p[:k], p[k:2*k], p[2*k:])
	q := b.Div(b.Sub(u, c.at), c.size)
	slope := b.Div(b.Mul(c.otherSize, c.sum), b.Mul(c.size, c.os))
	value, ratio := s.at(b, q, slope, c.d0, c.d1)
	z = s.scaled(b, b.Add(c.otherAt, b.Mul(c.otherSize, value)), c.os)
	return b.Select(in, z, x), b.Select(in, b.Log(ratio), b.Fill(0, x.Shape()...))
}

// at is the spline in units of its bin, and its derivative in units of data.
func (s Spline) at(b *Builder, q, slope, d0, d1 Value) (value, ratio Value) {
	rest := b.Sub(b.Fill(1), q)
	m, qq := b.Mul(q, rest), b.Square(q)
	den := b.Reciprocal(b.Add(slope, b.Mul(b.Sub(b.Add(d0, d1), b.Scale(slope, 2)), m)))
	value = b.Mul(b.Add(b.Mul(slope, qq), b.Mul(d0, m)), den)
	num := b.Add(b.Mul(d1, qq), b.Add(b.Scale(b.Mul(slope, m), 2), b.Mul(d0, b.Square(rest))))
	return value, b.Mul(b.Square(b.Mul(slope, den)), num)
}

// Generate is the inverse of the spline.
func (s Spline) Generate(b *Builder, z Value, p []Value) (x, logdet Value) {
	k := s.Bins
	safe, in := s.inside(b, z)
	c, u := s.find(b, safe, p[k:2*k], p[:k], p[2*k:]) // heights lead
	y := b.Div(b.Sub(u, c.at), c.size)
	slope := b.Div(b.Mul(c.size, c.os), b.Mul(c.otherSize, c.sum))
	bend := b.Mul(y, b.Sub(b.Add(c.d0, c.d1), b.Scale(slope, 2)))
	qa, qb, qc := b.Add(b.Sub(slope, c.d0), bend), b.Sub(c.d0, bend), b.Neg(b.Mul(slope, y))
	// The root's argument is not negative but for rounding.
	root := b.Sqrt(b.Max(b.Sub(b.Square(qb), b.Scale(b.Mul(qa, qc), 4)), b.Fill(0)))
	q := b.Div(b.Scale(qc, -2), b.Add(qb, root))
	_, ratio := s.at(b, q, slope, c.d0, c.d1)
	x = s.scaled(b, b.Add(c.otherAt, b.Mul(c.otherSize, q)), c.os)
	return b.Select(in, x, z), b.Select(in, b.Neg(b.Log(ratio)), b.Fill(0, z.Shape()...))
}
