package matrix

import "github.com/pathline/pathline/stages/internal/kernel"

// AddTransposed adds Aᵀ B to C: A [k][m] with leading dimension lda, B [k][n]
// with ldb, C [m][n] with ldc. C may not overlap A or B. The bits are the same
// whether k rows come in one call or in several, one after another.
func AddTransposed(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, m, n, k int) {
	AddTransposedWithin(c, ldc, a, lda, b, ldb, m, n, k, nil)
}

// AddTransposedWithin is AddTransposed for those elements of C that are in a pattern:
// of the others some are added to and some are not. A nil pattern is all of C.
func AddTransposedWithin(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, m, n, k int, within *Pattern) {
	check(c, ldc, m, n)
	check(a, lda, k, m)
	check(b, ldb, k, n)
	if within != nil && (len(within.columns) != m || len(within.rows) != n) {
		panic("matrix: a pattern of another size")
	}
	if m == 0 || n == 0 || k == 0 {
		return
	}
	if kernel.Current() == kernel.Generic {
		addTransposedGeneric(c, ldc, a, lda, b, ldb, m, n, k, within)
		return
	}
	addTransposedTiles(c, ldc, a, lda, b, ldb, m, n, k, within)
}
