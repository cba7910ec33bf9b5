package bijection

import "math"

// Univariate is an increasing function of single numbers, whose parameters
// depend on other numbers of the row. n numbers go side by side: a parameter is
// a value [n], or [] when it is the same for all.
type Univariate interface {
	// Parameters is how many parameters a number has.
	Parameters() int
	// Normalize builds z [n] and ln dz/dx [n] from x [n].
	Normalize(b *Builder, x Value, p []Value) (z, logdet Value)
	// Generate builds x [n] and ln dx/dz [n] from z [n].
	Generate(b *Builder, z Value, p []Value) (x, logdet Value)
}

// scaleLimit bounds log-scales: a scale lies between 1/1000 and 1000, as in
// zuko (Rozet et al.).
var scaleLimit = math.Log(1000)

// soft limits a to (-limit, limit) with slope 1 at 0: a/(1 + |a|/limit).
func soft(b *Builder, a Value, limit float64) Value {
	return b.Div(a, b.Add(b.Scale(b.Abs(a), 1/limit), b.Fill(1)))
}

// Shift is z = x + t, of one parameter t: the additive coupling of NICE (Dinh et
// al. 2014, eq. 7). Its log-determinant is 0.
type Shift struct{}

// Parameters is 1.
func (Shift) Parameters() int { return 1 }

// Normalize is x + t.
func (Shift) Normalize(b *Builder, x Value, p []Value) (z, logdet Value) {
	return b.Add(x, p[0]), b.Fill(0, x.Shape()...)
}

// Generate is z - t.
func (Shift) Generate(b *Builder, z Value, p []Value) (x, logdet Value) {
	return b.Sub(z, p[0]), b.Fill(0, z.Shape()...)
}

// Affine is z = x e^s + t of the parameters t and a, s = a/(1+|a|/ln 1000): the
// affine map of RealNVP (Dinh et al. 2017, eq. 7) and MAF. Its log-determinant
// is s, that of its inverse x = (z - t) e^-s is -s.
type Affine struct{}

// Parameters is 2: shift and log-scale.
func (Affine) Parameters() int { return 2 }

// Normalize is x e^s + t.
func (Affine) Normalize(b *Builder, x Value, p []Value) (z, logdet Value) {
	s := soft(b, p[1], scaleLimit)
	return b.Add(b.Mul(x, b.Exp(s)), p[0]), s
}

// Generate is (z - t) e^-s.
func (Affine) Generate(b *Builder, z Value, p []Value) (x, logdet Value) {
	s := b.Neg(soft(b, p[1], scaleLimit))
	return b.Mul(b.Sub(z, p[0]), b.Exp(s)), s
}
