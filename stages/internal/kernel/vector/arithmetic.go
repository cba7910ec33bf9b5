package vector

import "math"

// Sqrt is the square root.
func Sqrt(dst, x []float32) {
	x = operand(dst, x)
	if fastSqrt(dst, x) {
		return
	}
	for i, v := range x {
		dst[i] = float32(math.Sqrt(float64(v)))
	}
}

// Reciprocal is 1/x.
func Reciprocal(dst, x []float32) {
	x = operand(dst, x)
	if fastReciprocal(dst, x) {
		return
	}
	for i, v := range x {
		dst[i] = 1 / v
	}
}

// Neg is -x.
func Neg(dst, x []float32) {
	x = operand(dst, x)
	if fastNeg(dst, x) {
		return
	}
	for i, v := range x {
		dst[i] = -v
	}
}

// Abs is x without its sign.
func Abs(dst, x []float32) {
	x = operand(dst, x)
	if fastAbs(dst, x) {
		return
	}
	for i, v := range x {
		dst[i] = math.Float32frombits(math.Float32bits(v) &^ (1 << 31))
	}
}

// Square is x*x.
func Square(dst, x []float32) {
	x = operand(dst, x)
	if fastSquare(dst, x) {
		return
	}
	for i, v := range x {
		dst[i] = v * v
	}
}

// Add is a + b.
func Add(dst, a, b []float32) {
	a, b = operand(dst, a), operand(dst, b)
	if fastAdd(dst, a, b) {
		return
	}
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

// Sub is a - b.
func Sub(dst, a, b []float32) {
	a, b = operand(dst, a), operand(dst, b)
	if fastSub(dst, a, b) {
		return
	}
	for i := range dst {
		dst[i] = a[i] - b[i]
	}
}

// Mul is a * b.
func Mul(dst, a, b []float32) {
	a, b = operand(dst, a), operand(dst, b)
	if fastMul(dst, a, b) {
		return
	}
	for i := range dst {
		dst[i] = a[i] * b[i]
	}
}

// Div is a / b.
func Div(dst, a, b []float32) {
	a, b = operand(dst, a), operand(dst, b)
	if fastDiv(dst, a, b) {
		return
	}
	for i := range dst {
		dst[i] = a[i] / b[i]
	}
}

// Max is the larger of a and b, NaN if one is NaN, b if they are equal.
func Max(dst, a, b []float32) {
	a, b = operand(dst, a), operand(dst, b)
	if fastMax(dst, a, b) {
		return
	}
	for i := range dst {
		v, w := a[i], b[i]
		if v > w || v != v {
			w = v
		}
		dst[i] = w
	}
}

// Min is the smaller of a and b, NaN if one is NaN, b if they are equal.
func Min(dst, a, b []float32) {
	a, b = operand(dst, a), operand(dst, b)
	if fastMin(dst, a, b) {
		return
	}
	for i := range dst {
		v, w := a[i], b[i]
		if v < w || v != v {
			w = v
		}
		dst[i] = w
	}
}

// Scale is s*a.
func Scale(dst, a []float32, s float32) {
	a = operand(dst, a)
	if fastScale(dst, a, s) {
		return
	}
	for i, v := range a {
		dst[i] = s * v
	}
}

// Shift is a + s.
func Shift(dst, a []float32, s float32) {
	a = operand(dst, a)
	if fastShift(dst, a, s) {
		return
	}
	for i, v := range a {
		dst[i] = v + s
	}
}

// MulAdd adds a*b to dst, with one rounding.
func MulAdd(dst, a, b []float32) {
	a, b = operand(dst, a), operand(dst, b)
	if fastMulAdd(dst, a, b) {
		return
	}
	for i, v := range dst {
		dst[i] = fma(a[i], b[i], v)
	}
}

// AddScaled adds s*x to dst, with one rounding.
func AddScaled(dst, x []float32, s float32) {
	x = operand(dst, x)
	if fastAddScaled(dst, x, s) {
		return
	}
	by := float64(s)
	for i, v := range x {
		dst[i] = float32(by*float64(v) + float64(dst[i])) // as fma
	}
}

// fma is a*b + c: the product is exact in float64, the sum is rounded there and
// then to float32, so it may miss the fused value in rare ties.
func fma(a, b, c float32) float32 { return float32(float64(a)*float64(b) + float64(c)) }

// Select is a where cond > 0 and b elsewhere.
func Select(dst, cond, a, b []float32) {
	cond, a, b = operand(dst, cond), operand(dst, a), operand(dst, b)
	if fastSelect(dst, cond, a, b) {
		return
	}
	for i, c := range cond {
		v := b[i]
		if c > 0 {
			v = a[i]
		}
		dst[i] = v
	}
}
