package path

import "errors"

// Sampler is a path that is not affine: x_t and u_t depend on both ends in a way
// that no coefficients describe. It is trained on as any other, towards its
// velocity; what needs coefficients, targets other than the velocity and exact
// models, refuses it. Embed [Curved] for the rest of Path. Its base is N(0, I),
// unless it has a method BaseStd.
type Sampler interface {
	Path

	// Sample writes x_t and u_t = d/dt x_t for rows of noise x0 and data x1 at
	// times t [rows], which lie in Domain. All others are [rows][dim],
	// row-major, and belong to the caller; x0, x1 and t are not written. The
	// result of a row depends on that row alone. It may be called concurrently.
	Sample(xt, ut, x0, x1 []float32, t []float64, rows, dim int) error
}

// ErrNotAffine is what the coefficients of a [Sampler] are.
var ErrNotAffine = errors.New("path: it is not affine and has no coefficients")

// Curved is the part of a [Sampler] that all share: no coefficients, and
// derivatives that are finite everywhere.
type Curved struct{}

// Coefficients implements [Path].
func (Curved) Coefficients([]Coef, []float64) error { return ErrNotAffine }

// Domain implements [Path].
func (Curved) Domain() (lo, hi float64) { return 0, 1 }

// SamplerOf gives a path that is not affine, and ok false for one that is.
func SamplerOf(p Path) (s Sampler, ok bool) {
	if d, ok := p.(Described); ok {
		p = d.Path
	}
	s, ok = p.(Sampler)
	return s, ok
}
