package model

import "math"

// activation gives y = act(z) and its derivative, from float64 so that the
// float32 that is stored is rounded once.
type activation func(z float64) (y, dy float64)

// activations are the names that MLPConfig.Activation takes.
var activations = map[string]activation{
	"silu":     silu,
	"relu":     relu,
	"tanh":     tanh,
	"gelu":     gelu,
	"selu":     selu,
	"softplus": softplus,
}

// silu is z sigmoid(z) (Elfwing et al. 2018).
func silu(z float64) (y, dy float64) {
	if z < -700 { // exp(-z) would overflow; both values are below 1e-300
		return 0, 0
	}
	s := 1 / (1 + math.Exp(-z))
	return z * s, s * (1 + z*(1-s))
}

// relu has derivative 0 at 0, as in PyTorch.
func relu(z float64) (y, dy float64) {
	if z > 0 {
		return z, 1
	}
	return z * 0, 0 // keeps NaN
}

func tanh(z float64) (y, dy float64) {
	y = math.Tanh(z)
	return y, 1 - y*y
}

// gelu is z Phi(z), exact (Hendrycks and Gimpel 2016).
func gelu(z float64) (y, dy float64) {
	phi := 0.5 * math.Erfc(-z/math.Sqrt2)
	return z * phi, phi + z*math.Exp(-z*z/2)/math.Sqrt(2*math.Pi)
}

// selu has the constants of Klambauer et al. 2017.
func selu(z float64) (y, dy float64) {
	const (
		alpha = 1.6732632423543772848170429916717
		scale = 1.0507009873554804934193349852946
	)
	if z > 0 {
		return scale * z, scale
	}
	y = scale * alpha * math.Expm1(z)
	return y, y + scale*alpha
}

// softplus is log(1 + exp z).
func softplus(z float64) (y, dy float64) {
	if z > 0 {
		e := math.Exp(-z)
		return z + math.Log1p(e), 1 / (1 + e)
	}
	e := math.Exp(z)
	return math.Log1p(e), e / (1 + e)
}

// activate replaces z by act(z) and writes the derivatives to dy, which may be
// nil.
func (act activation) activate(z, dy []float32) {
	if dy == nil {
		for i, v := range z {
			y, _ := act(float64(v))
			z[i] = float32(y)
		}
		return
	}
	for i, v := range z {
		y, d := act(float64(v))
		z[i], dy[i] = float32(y), float32(d)
	}
}
