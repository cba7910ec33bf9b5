package vector

import "math"

// Exp is e^x.
func Exp(dst, x []float32) {
	x = operand(dst, x)
	if !fastExp(dst, x) {
		each(dst, x, math.Exp)
	}
}

// Expm1 is e^x - 1, to full accuracy near 0.
func Expm1(dst, x []float32) {
	x = operand(dst, x)
	if !fastExpm1(dst, x) {
		each(dst, x, math.Expm1)
	}
}

// Log is the natural logarithm.
func Log(dst, x []float32) {
	x = operand(dst, x)
	if !fastLog(dst, x) {
		each(dst, x, math.Log)
	}
}

// Log1p is log(1 + x), to full accuracy near 0.
func Log1p(dst, x []float32) {
	x = operand(dst, x)
	if !fastLog1p(dst, x) {
		each(dst, x, math.Log1p)
	}
}
