package bijection

import "github.com/pathline/pathline/stages/autodiff"

// LU is the linear map z = x Wᵀ + bias, W = L U, with L unit lower triangular
// and U upper triangular with diagonal e^s (Kingma and Dhariwal 2018, eq. 10,
// without the fixed permutation; Oliva et al. 2018). log|det| = sum s_i. It
// begins as the identity. Its inverse is a product with U⁻¹ L⁻¹, which
// substitution makes once for all rows.
//
// x may be [dim] or [..., dim]: it acts on the last axis, and counts for each
// place of the others (an invertible 1x1 convolution).
type LU struct{}

// factors declares L, U [d, d] and s [d].
func (LU) factors(b *Builder, d int) (l, u, s Value) {
	s = b.Param("log_diagonal", initZero, d)
	// below(f) is 1 where f(i, j).
	where := func(f func(i, j int) bool) Value {
		m := make([]float64, d*d)
		for i := range d {
			for j := range d {
				if f(i, j) {
					m[i*d+j] = 1
				}
			}
		}
		return b.Const(m, d, d)
	}
	eye := where(func(i, j int) bool { return i == j })
	l, u = eye, b.Mul(eye, b.Exp(s))
	if d > 1 {
		l = b.Add(b.Mul(b.Param("lower", initZero, d, d), where(func(i, j int) bool { return i > j })), l)
		u = b.Add(b.Mul(b.Param("upper", initZero, d, d), where(func(i, j int) bool { return i < j })), u)
	}
	return l, u, s
}

// Normalize is x Wᵀ + bias.
func (a LU) Normalize(b *Builder, x Value) (z, logdet Value) {
	d, places := lastAxis(x)
	l, u, s := a.factors(b, d)
	w := b.Linear(l, b.Transpose(u), autodiff.Value{})
	return b.Linear(x, w, b.Param("bias", initZero, d)), b.Scale(b.Sum(s, 0), float64(places))
}

// Generate is (z - bias) W⁻ᵀ.
func (a LU) Generate(b *Builder, z Value) (x, logdet Value) {
	d, places := lastAxis(z)
	l, u, s := a.factors(b, d)
	// U⁻¹ is M⁻ᵀ diag(e^-s), where Uᵀ = M diag(e^s) and M is unit lower triangular.
	shrink := b.Exp(b.Neg(s))
	inverse := b.Mul(b.Transpose(unitLowerInverse(b, b.Mul(b.Transpose(u), shrink))), shrink)
	w := b.Linear(inverse, b.Transpose(unitLowerInverse(b, l)), autodiff.Value{})
	return b.Linear(b.Sub(z, b.Param("bias", initZero, d)), w, autodiff.Value{}), b.Scale(b.Sum(s, 0), -float64(places))
}

// lastAxis is the length of the last axis and how many places the others have.
func lastAxis(x Value) (last, places int) {
	places = 1
	s := x.Shape()
	for _, n := range s[:len(s)-1] {
		places *= n
	}
	return s[len(s)-1], places
}

// unitLowerInverse is the inverse of a unit lower triangular matrix of weights,
// by forward substitution: row i is e_i - sum_{j<i} l_ij row_j.
func unitLowerInverse(b *Builder, l Value) Value {
	d := l.Shape()[0]
	lt := b.Transpose(l)
	unit := func(i int) Value {
		e := make([]float64, d)
		e[i] = 1
		return b.Const(e, d)
	}
	rows := b.Reshape(unit(0), d, 1) // the rows that are known, as columns
	for i := 1; i < d; i++ {
		li := b.Reshape(b.Slice(b.Transpose(b.Slice(lt, i, i+1)), 0, i), i)
		row := b.Sub(unit(i), b.Linear(li, rows, autodiff.Value{}))
		rows = b.Concat(rows, b.Reshape(row, d, 1))
	}
	return b.Transpose(rows)
}
