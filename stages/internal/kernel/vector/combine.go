package vector

// Combine is a Runge-Kutta stage: dst = base + sum_j (hs coef_j) k_j for every
// element, with a step hs of its own. The sum is taken first, term after term,
// each with one rounding, and then added to base (Hairer, Norsett and Wanner
// 1993, II.1). Terms with coefficient 0 count too: 0 times infinity is NaN.
func Combine(dst, base []float32, hs []float32, k [][]float32, coef []float32) {
	base, hs = operand(dst, base), operand(dst, hs)
	terms(dst, k, coef)
	if fastCombine(dst, base, hs, k, coef) {
		return
	}
	for at := 0; at < len(dst); at += strip {
		var s [strip]float32
		n := min(strip, len(dst)-at)
		for j, c := range coef {
			h := hs[at:][:n]
			for i, v := range k[j][at:][:n] {
				s[i] = fma(h[i]*c, v, s[i])
			}
		}
		addStrip(dst[at:], base[at:], s[:n])
	}
}

// CombineUniform is Combine with one step h for all elements.
func CombineUniform(dst, base []float32, h float32, k [][]float32, coef []float32) {
	base = operand(dst, base)
	terms(dst, k, coef)
	if fastCombineUniform(dst, base, h, k, coef) {
		return
	}
	for at := 0; at < len(dst); at += strip {
		var s [strip]float32
		n := min(strip, len(dst)-at)
		for j, c := range coef {
			w := float64(h * c)
			for i, v := range k[j][at:][:n] {
				s[i] = float32(w*float64(v) + float64(s[i])) // as fma
			}
		}
		addStrip(dst[at:], base[at:], s[:n])
	}
}

// strip is how many sums the definitions take at a time.
const strip = 64

func addStrip(dst, base, s []float32) {
	for i, v := range s {
		dst[i] = base[i] + v
	}
}

func terms(dst []float32, k [][]float32, coef []float32) {
	if len(k) != len(coef) {
		panic("vector: a stage has another number of slopes than of coefficients")
	}
	for _, s := range k {
		if len(s) < len(dst) {
			panic("vector: an operand is shorter than the destination")
		}
	}
}
