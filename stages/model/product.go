package model

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// The two matrix products of a perceptron. Both add a[i] * b[l] to c in the
// order of the summed index, one whole row of c at a time, so that an element's
// bits do not depend on where its row stands. gonum's product of a transposed
// second factor is not used: its dot product sums in an order that depends on
// the alignment of memory.
//
// gonum starts goroutines for products of four or more 64x64 blocks of c; the
// callers of this package bring their own workers, so c is cut into pieces of
// at most 64 rows and 192 columns.
const (
	pieceRows    = 64
	pieceColumns = 192
)

// addProduct adds a b to c: a [m][k], b [k][n], c [m][n], m <= blockRows.
func addProduct(c, a, b []float32, m, n, k int) {
	for j := 0; j < n; j += pieceColumns {
		gonum.Implementation{}.Sgemm(blas.NoTrans, blas.NoTrans, m, min(pieceColumns, n-j), k,
			1, a, k, b[j:], n, 1, c[j:], n)
	}
}

// addTransposedProduct adds aᵀ b to c: a [k][m], b [k][n], c [m][n].
func addTransposedProduct(c, a, b []float32, m, n, k int) {
	for i := 0; i < m; i += pieceRows {
		rows := min(pieceRows, m-i)
		for j := 0; j < n; j += pieceColumns {
			gonum.Implementation{}.Sgemm(blas.Trans, blas.NoTrans, rows, min(pieceColumns, n-j), k,
				1, a[i:], m, b[j:], n, 1, c[i*n+j:], n)
		}
	}
}

// transpose writes aᵀ [n][m] for a [m][n].
func transpose(dst, a []float32, m, n int) {
	for i := 0; i < m; i++ {
		row := a[i*n : i*n+n]
		for j, v := range row {
			dst[j*m+i] = v
		}
	}
}
