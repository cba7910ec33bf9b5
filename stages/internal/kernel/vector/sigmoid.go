package vector

import "math"

// Tanh is the hyperbolic tangent.
func Tanh(dst, x []float32) {
	x = operand(dst, x)
	if !fastTanh(dst, x) {
		each(dst, x, math.Tanh)
	}
}

// TanhSlope is tanh x and its derivative 1 - tanh(x)^2.
func TanhSlope(y, dy, x []float32) {
	dy, x = slopes(y, dy, x)
	if !fastTanhSlope(y, dy, x) {
		eachSlope(y, dy, x, tanh)
	}
}

// Sigmoid is 1 / (1 + e^-x).
func Sigmoid(dst, x []float32) {
	x = operand(dst, x)
	if !fastSigmoid(dst, x) {
		each(dst, x, sigmoid)
	}
}

// SigmoidSlope is s = sigmoid x and its derivative s (1 - s).
func SigmoidSlope(y, dy, x []float32) {
	dy, x = slopes(y, dy, x)
	if !fastSigmoidSlope(y, dy, x) {
		eachSlope(y, dy, x, sigmoidSlope)
	}
}

// Softplus is log(1 + e^x).
func Softplus(dst, x []float32) {
	x = operand(dst, x)
	if !fastSoftplus(dst, x) {
		each(dst, x, softplus)
	}
}

// SoftplusSlope is softplus x and its derivative, sigmoid x.
func SoftplusSlope(y, dy, x []float32) {
	dy, x = slopes(y, dy, x)
	if !fastSoftplusSlope(y, dy, x) {
		eachSlope(y, dy, x, softplusSlope)
	}
}

// tanh has 1 - tanh^2 as 1/cosh^2, which does not cancel.
func tanh(x float64) (y, dy float64) {
	c := math.Cosh(x)
	return math.Tanh(x), 1 / (c * c)
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func sigmoidSlope(x float64) (y, dy float64) {
	e := math.Exp(-math.Abs(x))
	return sigmoid(x), e / ((1 + e) * (1 + e))
}

func softplus(x float64) float64 {
	if x > 0 {
		return x + math.Log1p(math.Exp(-x))
	}
	return math.Log1p(math.Exp(x))
}

func softplusSlope(x float64) (y, dy float64) { return softplus(x), sigmoid(x) }
