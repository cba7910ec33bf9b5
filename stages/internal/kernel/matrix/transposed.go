package matrix

import "github.com/pathline/pathline/stages/internal/kernel"

// AddTransposed adds Aᵀ B to C: A [k][m] with leading dimension lda, B [k][n]
// with ldb, C [m][n] with ldc. C may not overlap A or B. The bits are the same
// whether k rows come in one call or in several, one after another.
func AddTransposed(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, m, n, k int) {
	check(c, ldc, m, n)
	check(a, lda, k, m)
	check(b, ldb, k, n)
	if m == 0 || n == 0 || k == 0 {
		return
	}
	if kernel.Current() == kernel.Generic {
		addTransposedGeneric(c, ldc, a, lda, b, ldb, m, n, k)
		return
	}
	addTransposedTiles(c, ldc, a, lda, b, ldb, m, n, k)
}
