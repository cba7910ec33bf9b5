package solver

import "github.com/pathline/pathline/stages/internal/kernel/vector"

// terms are the coefficients of a row of a tableau that are not zero.
type terms struct {
	stage []int
	coef  []float64
	round []float32 // coef, rounded
}

func newTerms(row []float64) (t terms) {
	for j, a := range row {
		if a != 0 {
			t.stage, t.coef, t.round = append(t.stage, j), append(t.coef, a), append(t.round, float32(a))
		}
	}
	return t
}

// slopesOf are elements lo..hi-1 of the stages of t. to is scratch.
func slopesOf[F Float](to, k [][]F, t terms, lo, hi int) [][]F {
	to = to[:len(t.stage)]
	for j, s := range t.stage {
		to[j] = k[s][lo:hi]
	}
	return to
}

// combine writes, for every element,
//
//	dst = base + sum_j (hs coef_j) k_j
//
// in the width F, with the sum taken from the first term to the last before base
// is added. The order depends on the tableau alone. hs [len(dst)] are the steps,
// one per element.
func combine[F Float](dst, base, hs []F, k [][]F, t terms) {
	switch dst := any(dst).(type) {
	case []float32:
		vector.Combine(dst, any(base).([]float32), any(hs).([]float32), any(k).([][]float32), t.round)
	case []float64:
		combineRows(dst, any(base).([]float64), any(hs).([]float64), any(k).([][]float64), t.coef)
	}
}

// combineUniform is combine with one step for all elements; h coef_j is rounded
// to F once. round and coef are scratch for these products.
func combineUniform[F Float](dst, base []F, h float64, k [][]F, t terms, round []float32, coef []float64) {
	switch dst := any(dst).(type) {
	case []float32:
		round = round[:len(t.coef)]
		for j, a := range t.coef {
			round[j] = float32(h * a)
		}
		vector.CombineUniform(dst, any(base).([]float32), 1, any(k).([][]float32), round)
	case []float64:
		coef = coef[:len(t.coef)]
		for j, a := range t.coef {
			coef[j] = h * a
		}
		combineAll(dst, any(base).([]float64), any(k).([][]float64), coef)
	}
}

// combineRows is combine in float64.
func combineRows(dst, base, hs []float64, k [][]float64, coef []float64) {
	base, hs = base[:len(dst)], hs[:len(dst)]
	switch len(coef) {
	case 0:
		copy(dst, base)
		return
	case 1:
		c0, k0 := coef[0], k[0][:len(dst)]
		for i, h := range hs {
			dst[i] = base[i] + float64(h*c0*k0[i])
		}
		return
	case 2:
		c0, c1, k0, k1 := coef[0], coef[1], k[0][:len(dst)], k[1][:len(dst)]
		for i, h := range hs {
			dst[i] = base[i] + (float64(h*c0*k0[i]) + float64(h*c1*k1[i]))
		}
		return
	}
	c0, c1, c2 := coef[0], coef[1], coef[2]
	k0, k1, k2 := k[0][:len(dst)], k[1][:len(dst)], k[2][:len(dst)]
	for i, h := range hs {
		dst[i] = float64(h*c0*k0[i]) + float64(h*c1*k1[i]) + float64(h*c2*k2[i])
	}
	j := 3
	for ; j+1 < len(coef); j += 2 {
		c0, c1, k0, k1 := coef[j], coef[j+1], k[j][:len(dst)], k[j+1][:len(dst)]
		for i, h := range hs {
			dst[i] = dst[i] + float64(h*c0*k0[i]) + float64(h*c1*k1[i])
		}
	}
	if j < len(coef) {
		c0, k0 := coef[j], k[j][:len(dst)]
		for i, h := range hs {
			dst[i] += float64(h * c0 * k0[i])
		}
	}
	for i, b := range base {
		dst[i] = b + dst[i]
	}
}

// combineAll is combineRows with weights h coef_j that are the same for all
// elements.
func combineAll(dst, base []float64, k [][]float64, w []float64) {
	base = base[:len(dst)]
	if len(w) == 0 {
		copy(dst, base)
		return
	}
	w0, k0 := w[0], k[0][:len(dst)]
	if len(w) == 1 {
		for i, v := range k0 {
			dst[i] = base[i] + float64(w0*v)
		}
		return
	}
	w1, k1 := w[1], k[1][:len(dst)]
	for i, v := range k0 {
		dst[i] = float64(w0*v) + float64(w1*k1[i])
	}
	j := 2
	for ; j+1 < len(w); j += 2 {
		w0, w1, k0, k1 := w[j], w[j+1], k[j][:len(dst)], k[j+1][:len(dst)]
		for i, v := range k0 {
			dst[i] = dst[i] + float64(w0*v) + float64(w1*k1[i])
		}
	}
	if j < len(w) {
		w0 := w[j]
		for i, v := range k[j][:len(dst)] {
			dst[i] += float64(w0 * v)
		}
	}
	for i, b := range base {
		dst[i] = b + dst[i]
	}
}

// total writes dst = sum_j coef_j k_j in float64, from the first term to the
// last.
func total[F Float](dst []float64, k [][]F, coef []float64) {
	n := len(dst)
	if len(coef) == 0 {
		clear(dst)
		return
	}
	c0, k0 := coef[0], k[0][:n]
	j := 1
	if len(coef) > 2 {
		c1, c2, k1, k2 := coef[1], coef[2], k[1][:n], k[2][:n]
		for i, v := range k0 {
			dst[i] = float64(c0*float64(v)) + float64(c1*float64(k1[i])) + float64(c2*float64(k2[i]))
		}
		j = 3
	} else {
		for i, v := range k0 {
			dst[i] = c0 * float64(v)
		}
	}
	for ; j+2 < len(coef); j += 3 {
		c0, c1, c2, k0, k1, k2 := coef[j], coef[j+1], coef[j+2], k[j][:n], k[j+1][:n], k[j+2][:n]
		for i, v := range k0 {
			dst[i] = dst[i] + float64(c0*float64(v)) + float64(c1*float64(k1[i])) + float64(c2*float64(k2[i]))
		}
	}
	for ; j < len(coef); j++ {
		c0 := coef[j]
		for i, v := range k[j][:n] {
			dst[i] += float64(c0 * float64(v))
		}
	}
}
