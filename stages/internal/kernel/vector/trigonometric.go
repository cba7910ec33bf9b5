package vector

import "math"

// Sin is the sine of x radians.
func Sin(dst, x []float32) {
	x = operand(dst, x)
	for {
		n, ok := fastSin(dst, x)
		if !ok {
			each(dst, x, math.Sin)
			return
		}
		if dst, x = dst[n:], x[n:]; len(x) == 0 {
			return
		}
		n = min(block, len(x))
		sinFar(dst[:n], x[:n])
		dst, x = dst[n:], x[n:]
	}
}

// Cos is the cosine of x radians.
func Cos(dst, x []float32) {
	x = operand(dst, x)
	for {
		n, ok := fastCos(dst, x)
		if !ok {
			each(dst, x, math.Cos)
			return
		}
		if dst, x = dst[n:], x[n:]; len(x) == 0 {
			return
		}
		n = min(block, len(x))
		cosFar(dst[:n], x[:n])
		dst, x = dst[n:], x[n:]
	}
}

// SinCos is both, with the bits of Sin and Cos.
func SinCos(sin, cos, x []float32) {
	cos, x = slopes(sin, cos, x)
	for {
		n, ok := fastSinCos(sin, cos, x)
		if !ok {
			eachSlope(sin, cos, x, math.Sincos)
			return
		}
		if sin, cos, x = sin[n:], cos[n:], x[n:]; len(x) == 0 {
			return
		}
		n = min(block, len(x))
		var copied [block]float32
		copy(copied[:], x[:n])
		sinFar(sin[:n], copied[:n])
		cosFar(cos[:n], copied[:n])
		sin, cos, x = sin[n:], cos[n:], x[n:]
	}
}

// block is a vector of the widest instruction set.
const block = 16

// near is the largest |x| that the assembly reduces itself; it stops before a
// vector with a larger one.
const near = 32768

// sinFar is Sin for a block with values that are far: those are computed as the
// definition says, the others as always.
func sinFar(dst, x []float32) {
	var y, at [block]float32
	fastSin(y[:], nearOnly(&at, x)[:])
	for i, v := range x {
		dst[i] = y[i]
		if v > near || v < -near {
			dst[i] = float32(math.Sin(float64(v)))
		}
	}
}

func cosFar(dst, x []float32) {
	var y, at [block]float32
	fastCos(y[:], nearOnly(&at, x)[:])
	for i, v := range x {
		dst[i] = y[i]
		if v > near || v < -near {
			dst[i] = float32(math.Cos(float64(v)))
		}
	}
}

// nearOnly is x with 0 for what is far.
func nearOnly(to *[block]float32, x []float32) *[block]float32 {
	for i, v := range x {
		if !(v > near || v < -near) {
			to[i] = v
		}
	}
	return to
}
