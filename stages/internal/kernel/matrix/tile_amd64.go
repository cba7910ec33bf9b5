//go:build amd64 && !purego

package matrix

// Not yet assembly: the sums in Go, over panels of any width.

func multiplyTiles(c []float32, ldc int, a []float32, lda int, b *Packed, m int, bias []float32, add bool) {
	begin(c, ldc, m, b.n, bias, add)
	for column := 0; column < b.n; {
		panel, width := b.panel(column)
		for i := range m {
			for j := range min(width, b.n-column) {
				s := c[i*ldc+column+j]
				for l := range b.k {
					s += float32(a[i*lda+l] * panel[l*width+j])
				}
				c[i*ldc+column+j] = s
			}
		}
		column += width
	}
}

func addTransposedTiles(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, m, n, k int) {
	addTransposedGeneric(c, ldc, a, lda, b, ldb, m, n, k)
}

func peakTiles(loops int) float64 { return peakGeneric(loops) }
