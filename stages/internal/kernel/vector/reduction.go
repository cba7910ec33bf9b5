package vector

// Dot is the sum of a_i b_i, over the length of a, in float64.
func Dot(a, b []float32) float64 {
	b = operand(a, b)
	if s, ok := fastDot(a, b); ok {
		return s
	}
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += float64(a[i]) * float64(b[i])
		s1 += float64(a[i+1]) * float64(b[i+1])
		s2 += float64(a[i+2]) * float64(b[i+2])
		s3 += float64(a[i+3]) * float64(b[i+3])
	}
	for ; i < len(a); i++ {
		s0 += float64(a[i]) * float64(b[i])
	}
	return (s0 + s2) + (s1 + s3)
}

// Sum is the sum of a in float64.
func Sum(a []float32) float64 {
	if s, ok := fastSum(a); ok {
		return s
	}
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += float64(a[i])
		s1 += float64(a[i+1])
		s2 += float64(a[i+2])
		s3 += float64(a[i+3])
	}
	for ; i < len(a); i++ {
		s0 += float64(a[i])
	}
	return (s0 + s2) + (s1 + s3)
}

// SumSquares is the sum of a_i^2 in float64.
func SumSquares(a []float32) float64 {
	if s, ok := fastSumSquares(a); ok {
		return s
	}
	return Dot(a, a)
}

// RowSums writes the sum of row r of x, n elements from r*ld, to dst[r]: summed
// in float64 as Sum does, rounded once.
func RowSums(dst []float32, x []float32, ld, rows, n int) {
	rowsFit(dst, rows)
	matrix(x, ld, rows, n)
	if fastRowSums(dst, x, ld, rows, n) {
		return
	}
	for r := range rows {
		dst[r] = float32(Sum(x[r*ld:][:n]))
	}
}

// RowDots writes the product of row r of a (from r*lda) with row r of b (from
// r*ldb; with ldb 0, the same b for all) to dst[r]: summed in float64 as Dot
// does, rounded once.
func RowDots(dst []float32, a []float32, lda int, b []float32, ldb int, rows, n int) {
	rowsFit(dst, rows)
	matrix(a, lda, rows, n)
	matrix(b, ldb, rows, n)
	if fastRowDots(dst, a, lda, b, ldb, rows, n) {
		return
	}
	for r := range rows {
		dst[r] = float32(Dot(a[r*lda:][:n], b[r*ldb:][:n]))
	}
}

// AddColumns adds the rows of x, n elements from r*ld each, to dst, row after
// row in float32: rows cut into several calls give the same bits as one.
func AddColumns(dst []float32, x []float32, ld, rows, n int) {
	rowsFit(dst, n)
	matrix(x, ld, rows, n)
	if fastAddColumns(dst, x, ld, rows, n) {
		return
	}
	dst = dst[:n]
	for r := range rows {
		for j, v := range x[r*ld:][:n] {
			dst[j] += v
		}
	}
}

func rowsFit(dst []float32, n int) {
	if n < 0 || n > len(dst) {
		panic("vector: the destination is shorter than the result")
	}
}
