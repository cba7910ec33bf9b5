package bijection

import "github.com/pathline/pathline/stages/autodiff"

// Householder is the orthogonal map z = x Qᵀ, Q = H_1 H_2 ... H_k of reflections
// H = I - 2 v vᵀ/|v|² (Tomczak and Welling 2016, eq. 9). Its log-determinant is
// 0, its inverse is x = z Q.
type Householder struct{ Reflections int }

// matrix declares the vectors [k, d] and makes Q.
func (h Householder) matrix(b *Builder, d int) Value {
	vectors := b.Transpose(b.Param("vectors", autodiff.Init{Bound: 1}, h.Reflections, d))
	eye := make([]float64, d*d)
	for i := range d {
		eye[i*d+i] = 1
	}
	q := b.Const(eye, d, d)
	for k := range h.Reflections {
		v := b.Transpose(b.Slice(vectors, k, k+1)) // [1, d]
		scale := b.Reshape(b.Scale(b.Reciprocal(b.Sum(b.Square(v), 1)), -2), 1, 1)
		// Q H = Q - 2 (Q v) vᵀ/|v|².
		qv := b.Linear(b.Linear(q, v, autodiff.Value{}), scale, autodiff.Value{}) // [d, 1]
		q = b.Add(q, b.Linear(qv, b.Transpose(v), autodiff.Value{}))
	}
	return q
}

// Normalize is x Qᵀ.
func (h Householder) Normalize(b *Builder, x Value) (z, logdet Value) {
	d, _ := lastAxis(x)
	return b.Linear(x, h.matrix(b, d), autodiff.Value{}), b.zero()
}

// Generate is z Q.
func (h Householder) Generate(b *Builder, z Value) (x, logdet Value) {
	d, _ := lastAxis(z)
	return b.Linear(z, b.Transpose(h.matrix(b, d)), autodiff.Value{}), b.zero()
}
