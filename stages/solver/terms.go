package solver

// terms are the coefficients of a row of a tableau that are not zero.
type terms struct {
	stage []int
	coef  []float64
}

func newTerms(row []float64) (t terms) {
	for j, a := range row {
		if a != 0 {
			t.stage, t.coef = append(t.stage, j), append(t.coef, a)
		}
	}
	return t
}

// combine writes, for the row at place r,
//
//	dst = base + sum_j T(h coef_j) k_j
//
// with the sum taken in T from the first term to the last before base is added.
// The order depends on the tableau alone. w is scratch.
func combine[T Float](dst, base []T, k [][]T, t terms, h float64, r, d int, w []T) {
	lo, hi := r*d, (r+1)*d
	dst, base = dst[lo:hi:hi], base[lo:hi:hi]
	n := len(t.stage)
	for j, a := range t.coef {
		w[j] = T(h * a)
	}
	switch n {
	case 0:
		copy(dst, base)
		return
	case 1:
		w0, k0 := w[0], k[t.stage[0]][lo:hi:hi]
		for c := range dst {
			dst[c] = base[c] + T(w0*k0[c])
		}
		return
	case 2:
		w0, w1 := w[0], w[1]
		k0, k1 := k[t.stage[0]][lo:hi:hi], k[t.stage[1]][lo:hi:hi]
		for c := range dst {
			dst[c] = base[c] + (T(w0*k0[c]) + T(w1*k1[c]))
		}
		return
	}
	w0, w1, w2 := w[0], w[1], w[2]
	k0, k1, k2 := k[t.stage[0]][lo:hi:hi], k[t.stage[1]][lo:hi:hi], k[t.stage[2]][lo:hi:hi]
	for c := range dst {
		dst[c] = T(w0*k0[c]) + T(w1*k1[c]) + T(w2*k2[c])
	}
	j := 3
	for ; j+2 < n; j += 2 {
		w0, w1 := w[j], w[j+1]
		k0, k1 := k[t.stage[j]][lo:hi:hi], k[t.stage[j+1]][lo:hi:hi]
		for c := range dst {
			dst[c] = dst[c] + T(w0*k0[c]) + T(w1*k1[c])
		}
	}
	for ; j < n; j++ {
		w0, k0 := w[j], k[t.stage[j]][lo:hi:hi]
		for c := range dst {
			dst[c] += T(w0 * k0[c])
		}
	}
	for c := range dst {
		dst[c] = base[c] + dst[c]
	}
}

// sum writes dst = sum_j (h coef_j) k_j in float64 for the row at place r.
func sum[T Float](dst []float64, k [][]T, t terms, h float64, r, d int) {
	clear(dst)
	for j, s := range t.stage {
		a := h * t.coef[j]
		for c, v := range k[s][r*d : (r+1)*d] {
			dst[c] += float64(a * float64(v))
		}
	}
}
