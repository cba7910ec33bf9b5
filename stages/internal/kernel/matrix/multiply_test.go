package matrix_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pathline/pathline/stages/internal/kernel/matrix"
)

// sizes calls f for many (m, n, k): each dimension from 0 to 67 while the
// others stay, random combinations, and some that are larger than the blocks of
// the loops: 256 and 512 of the summed index, 2^16 elements of A, 32 tiles.
func sizes(t *testing.T, f func(r *rand.Rand, m, n, k int)) {
	r := rand.New(rand.NewPCG(3, 4))
	step := 1
	if testing.Short() {
		step = 3
	}
	for x := 0; x < 68; x += step {
		for _, y := range []int{1, 6, 17, 34} {
			for _, z := range []int{1, 5, 15, 41} {
				f(r, x, y, z)
				f(r, y, x, z)
				f(r, y, z, x)
			}
		}
	}
	for _, k := range []int{255, 256, 257, 512, 513, 1025} {
		f(r, 3, 37, k)
		f(r, 18, 6, k)
	}
	f(r, 130, 40, 600)
	f(r, 200, 21, 90)
	draws, large := 300, 12
	if testing.Short() {
		draws, large = 60, 2
	}
	for range draws {
		f(r, r.IntN(68), r.IntN(68), r.IntN(68))
	}
	for range large {
		f(r, 1+r.IntN(300), 1+r.IntN(200), 1+r.IntN(130))
		f(r, 1+r.IntN(20), 1+r.IntN(70), 1+r.IntN(1300))
	}
}

// same fails unless the two numbers have the same bits; any NaN is as good as
// another.
func same(t *testing.T, what string, i, j int, got, want float32) {
	t.Helper()
	if math.Float32bits(got) != math.Float32bits(want) && !(got != got && want != want) {
		t.Fatalf("%s: [%d][%d] = %x, want %x", what, i, j, got, want)
	}
}

func TestMultiplyIsItsDefinition(t *testing.T) {
	each(t, func(t *testing.T) {
		sizes(t, func(r *rand.Rand, m, n, k int) {
			a := newOperand(m, k, r.IntN(3), normals(r))
			b := newOperand(k, n, r.IntN(3), normals(r))
			c := newOperand(m, n, r.IntN(3), normals(r))
			bias := newOperand(1, n, 0, normals(r))
			start := r.IntN(3)
			want := make([]float32, m*n)
			for i := range m {
				for j := range n {
					s := [...]float32{0, 0, c.at(i, j)}[start]
					if start == 1 {
						s = bias.at(0, j)
					}
					for l := range k {
						s = term(a.at(i, l), b.at(l, j), s)
					}
					want[i*n+j] = s
				}
			}
			var p matrix.Packed
			if r.IntN(2) == 0 {
				p.Pack(b.x, b.ld, k, n)
			} else {
				w := b.transposed(r.IntN(3))
				p.PackTransposed(w.x, w.ld, k, n)
				w.unchanged(t, "W", false)
			}
			if start == 1 {
				matrix.Multiply(c.x, c.ld, a.x, a.ld, &p, m, bias.x, false)
			} else {
				matrix.Multiply(c.x, c.ld, a.x, a.ld, &p, m, nil, start == 2)
			}
			for i := range m {
				for j := range n {
					same(t, "C", i, j, c.at(i, j), want[i*n+j])
				}
			}
			a.unchanged(t, "A", false)
			b.unchanged(t, "B", false)
			c.unchanged(t, "C", true)
			bias.unchanged(t, "bias", false)
		})
	})
}

func TestAddTransposedIsItsDefinition(t *testing.T) {
	each(t, func(t *testing.T) {
		sizes(t, func(r *rand.Rand, m, n, k int) {
			a := newOperand(k, m, r.IntN(3), normals(r))
			b := newOperand(k, n, r.IntN(3), normals(r))
			c := newOperand(m, n, r.IntN(3), normals(r))
			want := make([]float32, m*n)
			for i := range m {
				for j := range n {
					s := c.at(i, j)
					for l := range k {
						s = term(a.at(l, i), b.at(l, j), s)
					}
					want[i*n+j] = s
				}
			}
			matrix.AddTransposed(c.x, c.ld, a.x, a.ld, b.x, b.ld, m, n, k)
			for i := range m {
				for j := range n {
					same(t, "C", i, j, c.at(i, j), want[i*n+j])
				}
			}
			a.unchanged(t, "A", false)
			b.unchanged(t, "B", false)
			c.unchanged(t, "C", true)
		})
	})
}

// An element's bits are those of the product of its own row and column.
func TestMultiplyDoesNotDependOnTheCut(t *testing.T) {
	each(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		for _, k := range []int{3, 64, 700} {
			const m, n = 67, 75
			a := newOperand(m, k, 1, normals(r))
			b := newOperand(k, n, 0, normals(r))
			bias := newOperand(1, n, 0, normals(r))
			whole := newOperand(m, n, 0, zero)
			var p matrix.Packed
			p.Pack(b.x, b.ld, k, n)
			matrix.Multiply(whole.x, n, a.x, a.ld, &p, m, bias.x, false)
			for range 60 {
				i, j := r.IntN(m), r.IntN(n)
				rows, columns := 1+r.IntN(m-i), 1+r.IntN(n-j)
				part := newOperand(rows, columns, 2, zero)
				p.Pack(b.x[j:], b.ld, k, columns)
				matrix.Multiply(part.x, part.ld, a.x[i*a.ld:], a.ld, &p, rows, bias.x[j:j+columns], false)
				for y := range rows {
					for x := range columns {
						same(t, "part", i+y, j+x, part.at(y, x), whole.at(i+y, j+x))
					}
				}
			}
		}
	})
}

func TestAddTransposedDoesNotDependOnTheCut(t *testing.T) {
	each(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		const m, n, k = 41, 75, 301
		a := newOperand(k, m, 1, normals(r))
		b := newOperand(k, n, 0, normals(r))
		whole := newOperand(m, n, 0, zero)
		matrix.AddTransposed(whole.x, n, a.x, a.ld, b.x, b.ld, m, n, k)
		for range 60 {
			i, j := r.IntN(m), r.IntN(n)
			rows, columns := 1+r.IntN(m-i), 1+r.IntN(n-j)
			part := newOperand(rows, columns, 2, zero)
			for l := 0; l < k; {
				next := min(k, l+1+r.IntN(k))
				matrix.AddTransposed(part.x, part.ld, a.x[l*a.ld+i:], a.ld, b.x[l*b.ld+j:], b.ld, rows, columns, next-l)
				l = next
			}
			for y := range rows {
				for x := range columns {
					same(t, "part", i+y, j+x, part.at(y, x), whole.at(i+y, j+x))
				}
			}
		}
	})
}
