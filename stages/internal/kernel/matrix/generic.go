package matrix

// multiplyGeneric adds A B to C, where every element has its start: the
// definition in Go, in tiles of two rows by four columns. The conversions keep
// compilers from fusing the product and the sum, so that processors agree.
func multiplyGeneric(c []float32, ldc int, a []float32, lda int, b *Packed, m int) {
	n, k := b.n, b.k
	if k == 0 {
		return
	}
	for column := 0; column < n; column += 4 {
		panel, _ := b.panel(column)
		span := b.span(column / 4)
		panel = panel[4*span.Lo : 4*span.Hi]
		columns := min(4, n-column)
		for i := 0; i < m; i += 2 {
			upper := a[i*lda+span.Lo : i*lda+span.Hi]
			lower := upper
			last := i + 1
			if last < m {
				lower = a[last*lda+span.Lo : last*lda+span.Hi]
			} else {
				last = i // twice the same row
			}
			var s, t [4]float32
			copy(s[:columns], c[i*ldc+column:])
			copy(t[:columns], c[last*ldc+column:])
			s[0], s[1], s[2], s[3], t[0], t[1], t[2], t[3] = tileGeneric(
				s[0], s[1], s[2], s[3], t[0], t[1], t[2], t[3], upper, lower, panel)
			copy(c[i*ldc+column:], s[:columns])
			copy(c[last*ldc+column:], t[:columns])
		}
	}
}

// tileGeneric adds the products of two rows of A with a panel of four columns.
// Eight floats, where two arrays would not stay in registers.
func tileGeneric(
	s0, s1, s2, s3, t0, t1, t2, t3 float32, upper, lower, panel []float32,
) (float32, float32, float32, float32, float32, float32, float32, float32) {
	lower = lower[:len(upper)]
	panel = panel[:4*len(upper)]
	for l, x := range upper {
		y := lower[l]
		row := (*[4]float32)(panel[4*l:])
		s0 += float32(x * row[0])
		s1 += float32(x * row[1])
		s2 += float32(x * row[2])
		s3 += float32(x * row[3])
		t0 += float32(y * row[0])
		t1 += float32(y * row[1])
		t2 += float32(y * row[2])
		t3 += float32(y * row[3])
	}
	return s0, s1, s2, s3, t0, t1, t2, t3
}

// addTransposedGeneric adds Aᵀ B to C, four rows of A and B at a time: one
// pass over C for four terms of each sum, in their order.
func addTransposedGeneric(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, m, n, k int, within *Pattern) {
	l := 0
	for ; l+4 <= k; l += 4 {
		for i := range m {
			s := within.ofRow(i, n)
			b0 := b[l*ldb+s.Lo : l*ldb+s.Hi]
			b1 := b[(l+1)*ldb+s.Lo : (l+1)*ldb+s.Hi][:len(b0)]
			b2 := b[(l+2)*ldb+s.Lo : (l+2)*ldb+s.Hi][:len(b0)]
			b3 := b[(l+3)*ldb+s.Lo : (l+3)*ldb+s.Hi][:len(b0)]
			a0, a1, a2, a3 := a[l*lda+i], a[(l+1)*lda+i], a[(l+2)*lda+i], a[(l+3)*lda+i]
			row := c[i*ldc+s.Lo : i*ldc+s.Hi][:len(b0)]
			for j := range b0 {
				v := row[j] + float32(a0*b0[j])
				v += float32(a1 * b1[j])
				v += float32(a2 * b2[j])
				row[j] = v + float32(a3*b3[j])
			}
		}
	}
	for ; l < k; l++ {
		for i := range m {
			s := within.ofRow(i, n)
			last := b[l*ldb+s.Lo : l*ldb+s.Hi]
			x := a[l*lda+i]
			row := c[i*ldc+s.Lo : i*ldc+s.Hi][:len(last)]
			for j, y := range last {
				row[j] += float32(x * y)
			}
		}
	}
}
