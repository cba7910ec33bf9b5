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
	for i, b := range base {
		var s float32
		for j, c := range coef {
			s = fma(hs[i]*c, k[j][i], s)
		}
		dst[i] = b + s
	}
}

// CombineUniform is Combine with one step h for all elements.
func CombineUniform(dst, base []float32, h float32, k [][]float32, coef []float32) {
	base = operand(dst, base)
	terms(dst, k, coef)
	if fastCombineUniform(dst, base, h, k, coef) {
		return
	}
	for i, b := range base {
		var s float32
		for j, c := range coef {
			s = fma(h*c, k[j][i], s)
		}
		dst[i] = b + s
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
