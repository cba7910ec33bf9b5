package vector

import "math"

// SiLU is x sigmoid(x) (Elfwing et al. 2018).
func SiLU(dst, x []float32) {
	x = operand(dst, x)
	if !fastSiLU(dst, x) {
		each(dst, x, silu)
	}
}

// SiLUSlope is SiLU and its derivative s (1 + x (1 - s)), s = sigmoid x.
func SiLUSlope(y, dy, x []float32) {
	dy, x = slopes(y, dy, x)
	if !fastSiLUSlope(y, dy, x) {
		eachSlope(y, dy, x, siluSlope)
	}
}

// GELU is x Phi(x), Phi the normal distribution function (Hendrycks and Gimpel
// 2016), exact.
func GELU(dst, x []float32) {
	x = operand(dst, x)
	if !fastGELU(dst, x) {
		each(dst, x, gelu)
	}
}

// GELUSlope is GELU and its derivative Phi(x) + x phi(x), phi the density.
func GELUSlope(y, dy, x []float32) {
	dy, x = slopes(y, dy, x)
	if !fastGELUSlope(y, dy, x) {
		eachSlope(y, dy, x, geluSlope)
	}
}

// The constants of Klambauer et al. 2017, for which activations keep mean 0 and
// variance 1.
const (
	seluAlpha = 1.6732632423543772848170429916717
	seluScale = 1.0507009873554804934193349852946
)

// SELU is scale x for x > 0 and scale alpha (e^x - 1) otherwise.
func SELU(dst, x []float32) {
	x = operand(dst, x)
	if !fastSELU(dst, x) {
		each(dst, x, selu)
	}
}

// SELUSlope is SELU and its derivative, scale or scale alpha e^x.
func SELUSlope(y, dy, x []float32) {
	dy, x = slopes(y, dy, x)
	if !fastSELUSlope(y, dy, x) {
		eachSlope(y, dy, x, seluSlope)
	}
}

// ReLU is 0 for x < 0 and x otherwise, so that NaN stays.
func ReLU(dst, x []float32) {
	x = operand(dst, x)
	if fastReLU(dst, x) {
		return
	}
	for i, v := range x {
		if v < 0 {
			v = 0
		}
		dst[i] = v
	}
}

// ReLUSlope is ReLU and its derivative, Step.
func ReLUSlope(y, dy, x []float32) {
	dy, x = slopes(y, dy, x)
	if fastReLUSlope(y, dy, x) {
		return
	}
	for i, v := range x {
		var a, b float32 = v, 0
		if v < 0 {
			a = 0
		}
		if v > 0 {
			b = 1
		}
		y[i], dy[i] = a, b
	}
}

// Step is 1 for x > 0 and 0 otherwise.
func Step(dst, x []float32) {
	x = operand(dst, x)
	if fastStep(dst, x) {
		return
	}
	for i, v := range x {
		var s float32
		if v > 0 {
			s = 1
		}
		dst[i] = s
	}
}

// Floor is the greatest whole number that is at most x. It is for constants of a
// derivative, and has no kernel of its own.
func Floor(dst, x []float32) {
	x = operand(dst, x)
	for i, v := range x {
		dst[i] = float32(math.Floor(float64(v)))
	}
}

// negligible is where sigmoid and Phi are below 1e-300: products with x are
// taken as -0, the limit.
const negligible = -700

func silu(x float64) float64 {
	if x < negligible {
		return math.Copysign(0, -1)
	}
	return x * sigmoid(x)
}

func siluSlope(x float64) (y, dy float64) {
	if x < negligible {
		return math.Copysign(0, -1), math.Copysign(0, -1)
	}
	s := sigmoid(x)
	e := math.Exp(-math.Abs(x))
	if x > 0 && e == 0 { // x e would be NaN at infinity
		return x, 1
	}
	other := sigmoid(-x) // 1 - s, which does not cancel
	return x * s, s * (1 + x*other)
}

// phi is the normal distribution function.
func phi(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }

func gelu(x float64) float64 {
	if x < negligible {
		return math.Copysign(0, -1)
	}
	return x * phi(x)
}

func geluSlope(x float64) (y, dy float64) {
	p := phi(x)
	density := math.Exp(-x*x/2) / math.Sqrt(2*math.Pi)
	if density == 0 { // x times it would be NaN at infinity
		return gelu(x), p
	}
	return gelu(x), p + x*density
}

func selu(x float64) float64 {
	if x > 0 {
		return seluScale * x
	}
	return seluScale * seluAlpha * math.Expm1(x)
}

func seluSlope(x float64) (y, dy float64) {
	if x > 0 {
		return seluScale * x, seluScale
	}
	return seluScale * seluAlpha * math.Expm1(x), seluScale * seluAlpha * math.Exp(x)
}
