package bijection

import (
	"math"

	"github.com/pathline/pathline/stages/autodiff"
)

// Planar is z = x + u tanh(wᵀx + c) (Rezende and Mohamed 2015, eqs. 10 to 12):
//
//	log|det| = ln(1 + uᵀw (1 - tanh²(wᵀx + c)))
//
// with u moved along w so that uᵀw >= -1, which makes it invertible (their
// appendix A.1). The inverse has no closed form: a = wᵀx is the root of the
// increasing function a + uᵀw tanh(a + c) - wᵀz, which bisection encloses, and x =
// z - u tanh(a + c). So Generate has no derivative.
//
// With a context, w, u and c are affine functions of it.
type Planar struct{}

// parts declares w, u, c and makes w and u [d], uᵀw and c [].
func (Planar) parts(b *Builder, d int) (w, u, uw, c Value) {
	init := autodiff.Init{Bound: 1 / math.Sqrt(float64(d))}
	w, u = b.Param("w", init, d), b.Param("u", init, d)
	c = b.Param("b", initZero, 1)
	if !b.Context.IsZero() {
		h := b.Linear(b.Context, b.Param("context.weight", initZero, 2*d+1, b.Context.Shape()[0]), b.Concat(w, u, c))
		w, u, c = b.Slice(h, 0, d), b.Slice(h, d, 2*d), b.Slice(h, 2*d, 2*d+1)
	}
	c = b.Reshape(c)
	dot := b.Sum(b.Mul(w, u), 0)
	norm := b.Add(b.Sum(b.Square(w), 0), b.Fill(1e-12)) // w may be 0
	// m(x) = -1 + softplus(x)
	target := b.Sub(b.Softplus(dot), b.Fill(1))
	u = b.Add(u, b.Mul(w, b.Broadcast(b.Div(b.Sub(target, dot), norm), 0, d)))
	return w, u, b.Sum(b.Mul(w, u), 0), c
}

// along is u times a number of the row.
func along(b *Builder, u, number Value) Value {
	return b.Mul(b.Broadcast(number, 0, u.Shape()[0]), u)
}

func (Planar) logdet(b *Builder, uw, h Value) Value {
	return b.Log1p(b.Mul(uw, b.Sub(b.Fill(1), b.Square(h))))
}

// Normalize is the map.
func (p Planar) Normalize(b *Builder, x Value) (z, logdet Value) {
	w, u, uw, c := p.parts(b, x.Shape()[0])
	h := b.Tanh(b.Add(b.Sum(b.Mul(x, w), 0), c))
	return b.Add(x, along(b, u, h)), p.logdet(b, uw, h)
}

// bisections halve an interval of the length 2|uᵀw| to the last digits of
// float64.
const bisections = 56

// Generate is its inverse.
func (p Planar) Generate(b *Builder, z Value) (x, logdet Value) {
	w, u, uw, c := p.parts(b, z.Shape()[0])
	to := b.Sum(b.Mul(z, w), 0)
	size := b.Abs(uw)
	lo, hi := b.Sub(to, size), b.Add(to, size)
	for range bisections {
		mid := b.Scale(b.Add(lo, hi), 0.5)
		over := b.Sub(b.Add(mid, b.Mul(uw, b.Tanh(b.Add(mid, c)))), to)
		lo, hi = b.Select(over, lo, mid), b.Select(over, mid, hi)
	}
	h := b.Tanh(b.Add(b.Scale(b.Add(lo, hi), 0.5), c))
	return b.Sub(z, along(b, u, h)), b.Neg(p.logdet(b, uw, h))
}
