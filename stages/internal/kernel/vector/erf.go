package vector

import "math"

// Erf is the error function, 2/sqrt(pi) times the integral of e^(-s^2) from 0
// to x.
func Erf(dst, x []float32) {
	x = operand(dst, x)
	if !fastErf(dst, x) {
		each(dst, x, math.Erf)
	}
}
