package matrix

import "github.com/pathline/pathline/stages/internal/kernel"

// Multiply writes C = start + A B: C [m][n] with leading dimension ldc, A
// [m][k] with lda, B [k][n] packed. Start is what C holds if add is true, else
// the bias (length n) in every row, else, with a nil bias, zero. C may not
// overlap A or the bias. An element's bits depend on its row of A, its column
// of B and k alone.
func Multiply(c []float32, ldc int, a []float32, lda int, b *Packed, m int, bias []float32, add bool) {
	n, k := b.n, b.k
	check(c, ldc, m, n)
	check(a, lda, m, k)
	if bias != nil && len(bias) != n {
		panic("matrix: bias is not as long as B has columns")
	}
	if bias != nil && add {
		panic("matrix: a bias and what C holds are two starts")
	}
	if b.level != kernel.Current() && n > 0 && k > 0 {
		panic("matrix: B is packed for another instruction set")
	}
	if m == 0 || n == 0 {
		return
	}
	if k == 0 || b.level == kernel.Generic {
		begin(c, ldc, m, n, bias, add)
		multiplyGeneric(c, ldc, a, lda, b, m)
		return
	}
	multiplyTiles(c, ldc, a, lda, b, m, bias, add)
}

// begin writes the start of every element.
func begin(c []float32, ldc, m, n int, bias []float32, add bool) {
	if add {
		return
	}
	for i := range m {
		if row := c[i*ldc : i*ldc+n]; bias != nil {
			copy(row, bias)
		} else {
			clear(row)
		}
	}
}
