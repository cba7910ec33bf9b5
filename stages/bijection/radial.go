package bijection

import "github.com/pathline/pathline/stages/autodiff"

// Radial is z = x + beta h(r) (x - x0), h = 1/(alpha + r), r = |x - x0| (Rezende
// and Mohamed 2015, eq. 14):
//
//	log|det| = (d-1) ln(1 + beta h) + ln(1 + beta h - beta h² r)
//
// with alpha = softplus(a) and beta = -alpha + softplus(b), which makes it
// invertible (their appendix A.2). r is a root of the quadratic r² + (alpha +
// beta - r') r - alpha r' = 0, r' = |z - x0|.
type Radial struct{}

func (Radial) parts(b *Builder, d int) (x0, alpha, beta Value) {
	x0 = b.Param("center", autodiff.Init{Bound: 1}, d)
	number := func(name string) Value { return b.Softplus(b.Reshape(b.Param(name, initZero, 1))) }
	alpha = number("alpha")
	return x0, alpha, b.Sub(number("beta"), alpha)
}

// length is |v|, with a derivative at 0.
func length(b *Builder, v Value) Value {
	return b.Sqrt(b.Add(b.Sum(b.Square(v), 0), b.Fill(1e-24)))
}

func (Radial) logdet(b *Builder, d int, r, alpha, beta Value) Value {
	h := b.Reciprocal(b.Add(alpha, r))
	bh := b.Mul(beta, h)
	return b.Add(b.Scale(b.Log1p(bh), float64(d-1)), b.Log1p(b.Sub(bh, b.Mul(b.Mul(bh, h), r))))
}

// Normalize is the map.
func (p Radial) Normalize(b *Builder, x Value) (z, logdet Value) {
	d := x.Shape()[0]
	x0, alpha, beta := p.parts(b, d)
	v := b.Sub(x, x0)
	r := length(b, v)
	return b.Add(x, along(b, v, b.Div(beta, b.Add(alpha, r)))), p.logdet(b, d, r, alpha, beta)
}

// Generate is its inverse.
func (p Radial) Generate(b *Builder, z Value) (x, logdet Value) {
	d := z.Shape()[0]
	x0, alpha, beta := p.parts(b, d)
	v := b.Sub(z, x0)
	far := length(b, v)
	q := b.Sub(far, b.Add(alpha, beta))
	r := b.Scale(b.Add(q, b.Sqrt(b.Add(b.Square(q), b.Scale(b.Mul(alpha, far), 4)))), 0.5)
	shrink := b.Reciprocal(b.Add(b.Div(beta, b.Add(alpha, r)), b.Fill(1)))
	return b.Add(x0, along(b, v, shrink)), b.Neg(p.logdet(b, d, r, alpha, beta))
}
