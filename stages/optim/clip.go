package optim

import (
	"math"

	"github.com/pathline/pathline/stages/internal/kernel/update"
	"github.com/pathline/pathline/stages/internal/kernel/vector"
)

// Norm is the Euclidean norm of all gradients together, summed in float64, tensor
// after tensor.
func Norm(grads [][]float32) float64 {
	var sum float64
	for _, g := range grads {
		sum += vector.SumSquares(g)
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
		update.Scale(g, scale)
	}
	return norm
}
