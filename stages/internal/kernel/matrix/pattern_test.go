package matrix_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pathline/pathline/stages/internal/kernel/matrix"
)

// draws calls f for some sizes, of which a few are larger than the blocks of the loops.
func draws(f func(r *rand.Rand, m, n, k int)) {
	r := rand.New(rand.NewPCG(11, 12))
	for range 150 {
		f(r, 1+r.IntN(68), 1+r.IntN(90), 1+r.IntN(68))
	}
	f(r, 130, 40, 600)
	f(r, 3, 37, 1025)
	f(r, 200, 130, 128)
}

// patterns gives for some sizes which elements of a matrix [k][n] are not zero: below
// a diagonal, above it, none or few of a column.
func patterns(r *rand.Rand, k, n int) func(i, j int) bool {
	kind, at := r.IntN(4), r.IntN(k+n+1)-n
	return func(i, j int) bool {
		switch kind {
		case 0:
			return i*n <= (j+at)*k
		case 1:
			return i*n >= (j+at)*k
		case 2:
			return (i*7+j*j)%5 == 0
		}
		return i >= k/2 && j%16 != 3
	}
}

// A product with a pattern is the product of the matrix with zeros where the pattern
// has them.
func TestMultiplyWithinAPattern(t *testing.T) {
	each(t, func(t *testing.T) {
		draws(func(r *rand.Rand, m, n, k int) {
			in := patterns(r, k, n)
			a := newOperand(m, k, r.IntN(3), normals(r))
			b := newOperand(k, n, r.IntN(3), normals(r))
			c := newOperand(m, n, r.IntN(3), normals(r))
			bias := newOperand(1, n, 0, normals(r))
			for i := range k {
				for j := range n {
					if !in(i, j) {
						b.x[i*b.ld+j] = 0
					}
				}
			}
			var dense, p matrix.Packed
			dense.Pack(b.x, b.ld, k, n)
			want := newOperand(m, n, 0, zero)
			p.Pack(b.x, b.ld, k, n)
			p.Restrict(matrix.NewPattern(k, n, in))
			add := r.IntN(2) == 0
			start := bias.x
			if add {
				start = nil
				for i := range m {
					copy(want.x[i*n:(i+1)*n], c.x[i*c.ld:])
				}
			}
			matrix.Multiply(want.x, n, a.x, a.ld, &dense, m, start, add)
			matrix.Multiply(c.x, c.ld, a.x, a.ld, &p, m, start, add)
			for i := range m {
				for j := range n {
					same(t, "C", i, j, c.at(i, j), want.at(i, j))
				}
			}
			c.unchanged(t, "C", true)
		})
	})
}

// What all columns of a pattern leave out is not read.
func TestPatternLeavesOut(t *testing.T) {
	each(t, func(t *testing.T) {
		const m, n, k = 30, 70, 90
		r := rand.New(rand.NewPCG(9, 10))
		a, b := newOperand(m, k, 1, normals(r)), newOperand(k, n, 0, normals(r))
		for l := range 20 {
			for i := range m {
				a.x[i*a.ld+l] = float32(math.NaN())
			}
			clear(b.x[l*b.ld : l*b.ld+n])
		}
		var p matrix.Packed
		p.Pack(b.x, b.ld, k, n)
		p.Restrict(matrix.NewPattern(k, n, func(i, _ int) bool { return i >= 20 }))
		c := newOperand(m, n, 0, zero)
		matrix.Multiply(c.x, n, a.x, a.ld, &p, m, nil, false)
		for i := range m {
			for j := range n {
				if v := c.at(i, j); v != v {
					t.Fatalf("C[%d][%d] has a term that is left out", i, j)
				}
			}
		}
		p.Pack(b.x, b.ld, k, n)
		matrix.Multiply(c.x, n, a.x, a.ld, &p, m, nil, false)
		if v := c.at(0, 0); v == v {
			t.Error("a pattern outlives the matrix that it was for")
		}
		if matrix.NewPattern(k, n, func(int, int) bool { return true }) != nil {
			t.Error("a pattern that leaves out nothing")
		}
	})
}

// Within a pattern all is added, and elsewhere all or nothing.
func TestAddTransposedWithinAPattern(t *testing.T) {
	each(t, func(t *testing.T) {
		left, sum := 0, 0
		draws(func(r *rand.Rand, m, n, k int) {
			in := patterns(r, m, n)
			a := newOperand(k, m, r.IntN(3), normals(r))
			b := newOperand(k, n, r.IntN(3), normals(r))
			c := newOperand(m, n, r.IntN(3), normals(r))
			before, whole := newOperand(m, n, 0, zero), newOperand(m, n, 0, zero)
			for i := range m {
				copy(before.x[i*n:(i+1)*n], c.x[i*c.ld:])
				copy(whole.x[i*n:(i+1)*n], c.x[i*c.ld:])
			}
			matrix.AddTransposed(whole.x, n, a.x, a.ld, b.x, b.ld, m, n, k)
			matrix.AddTransposedWithin(c.x, c.ld, a.x, a.ld, b.x, b.ld, m, n, k, matrix.NewPattern(m, n, in))
			for i := range m {
				for j := range n {
					got := math.Float32bits(c.at(i, j))
					sum++
					if got == math.Float32bits(before.at(i, j)) && !in(i, j) {
						left++
						continue
					}
					same(t, "C", i, j, c.at(i, j), whole.at(i, j))
				}
			}
			c.unchanged(t, "C", true)
		})
		if 10*left < sum {
			t.Errorf("%d of %d elements left out", left, sum)
		}
	})
}
