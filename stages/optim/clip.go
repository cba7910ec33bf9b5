package optim

import "math"

// Norm is the Euclidean norm of all gradients together, summed in float64 in
// the order of tensors and elements.
func Norm(grads [][]float32) float64 {
	var sum float64
	for _, g := range grads {
		for _, v := range g {
			sum += float64(v) * float64(v)
		}
	}
	return math.Sqrt(sum)
}

// Clip scales the gradients so that their norm is at most limit and returns the
// norm before (Pascanu et al. 2013, section 3.2). A norm that is not finite is
// returned and nothing is scaled: the caller must look.
func Clip(grads [][]float32, limit float64) (norm float64) {
	if !(limit > 0) {
		panic("optim: clipping needs a positive limit")
	}
	norm = Norm(grads)
	if !(norm > limit) || math.IsInf(norm, 1) {
		return norm
	}
	scale := limit / norm
	for _, g := range grads {
		for j := range g {
			g[j] = float32(float64(g[j]) * scale)
		}
	}
	return norm
}
