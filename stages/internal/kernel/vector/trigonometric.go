package vector

import "math"

// Sin is the sine of x radians.
func Sin(dst, x []float32) {
	x = operand(dst, x)
	if !fastSin(dst, x) {
		each(dst, x, math.Sin)
	}
}

// Cos is the cosine of x radians.
func Cos(dst, x []float32) {
	x = operand(dst, x)
	if !fastCos(dst, x) {
		each(dst, x, math.Cos)
	}
}

// SinCos is both, with the bits of Sin and Cos.
func SinCos(sin, cos, x []float32) {
	cos, x = slopes(sin, cos, x)
	if !fastSinCos(sin, cos, x) {
		eachSlope(sin, cos, x, math.Sincos)
	}
}
