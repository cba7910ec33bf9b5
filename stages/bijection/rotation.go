package bijection

import (
	"math"

	"github.com/pathline/pathline/stages/autodiff"
	"github.com/pathline/pathline/stages/random"
)

// Rotation is z = x Qᵀ with a fixed orthogonal matrix Q [n, n] on the last axis.
// Its log|det| is 0, its inverse z Q.
type Rotation struct{ Q []float64 }

// Uniform is the keyed rotation with a number, uniform among the orthogonal
// matrices: normal columns made orthonormal (Stewart 1980).
func Uniform(n int, key random.Key, number uint32) Rotation {
	q := make([]float64, n*n)
	key.Normals64Rows(q, n, 0, n, number)
	for i := range n {
		row := q[i*n : (i+1)*n]
		// Twice is enough (Giraud et al. 2005).
		for range 2 {
			for j := range i {
				other := q[j*n : (j+1)*n]
				var dot float64
				for k, v := range other {
					dot += v * row[k]
				}
				for k, v := range other {
					row[k] -= dot * v
				}
			}
		}
		var norm float64
		for _, v := range row {
			norm += v * v
		}
		for k := range row {
			row[k] /= math.Sqrt(norm)
		}
	}
	return Rotation{q}
}

// Convolution1x1 is the invertible 1x1 convolution of an image [places, channels]
// (Kingma and Dhariwal 2018, section 3.2):
//
//	z = x Wᵀ + bias for each place,   W = L U Q,   log|det| = places sum_i s_i
//
// with L and U those of LU, where the diagonal of U is e^s, and Q a fixed random
// rotation, with which W begins. The paper fixes the permutation P of the factors
// P L U of such a rotation, and begins with its L and U; both are every matrix that
// their signs let them be.
func Convolution1x1(channels int, key random.Key, number uint32) Layer {
	return Chain{Uniform(channels, key, number), LU{}}
}

func (r Rotation) matrix(b *Builder, x Value) Value {
	n, _ := lastAxis(x)
	return b.Const(r.Q, n, n)
}

// Normalize is x Qᵀ.
func (r Rotation) Normalize(b *Builder, x Value) (z, logdet Value) {
	return b.Linear(x, r.matrix(b, x), autodiff.Value{}), b.zero()
}

// Generate is z Q.
func (r Rotation) Generate(b *Builder, z Value) (x, logdet Value) {
	return b.Linear(z, b.Transpose(r.matrix(b, z)), autodiff.Value{}), b.zero()
}
