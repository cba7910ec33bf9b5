package path

import (
	"fmt"
	"math"
)

// singular is how far Domain stops from an end where a derivative is infinite.
const singular = 1e-12

// fill is the Coefficients of a path that is a function of one time.
func fill(c []Coef, t []float64, lo, hi float64, at func(float64) Coef) error {
	if len(c) != len(t) {
		panic("path: coefficients and times differ in number")
	}
	for i, t := range t {
		t, err := inside(t, lo, hi, i)
		if err != nil {
			return err
		}
		c[i] = at(t)
	}
	return nil
}

// inside is time number i, or the nearest end of [lo, hi].
func inside(t, lo, hi float64, i int) (float64, error) {
	switch {
	case t < lo:
		return lo, nil
	case t > hi:
		return hi, nil
	case t != t:
		return 0, fmt.Errorf("path: time %d is not a number", i)
	}
	return t, nil
}

// positive is an error unless x is a finite number above zero.
func positive(path, name string, x float64) error {
	if !(x > 0) || math.IsInf(x, 1) {
		return fmt.Errorf("path: %s of %s is %v, not a number above zero", name, path, x)
	}
	return nil
}

// CondOT is the straight path, alpha = t and sigma = 1 - t: conditional optimal
// transport of Lipman et al. 2023 with sigma_min = 0, rectified flow of Liu et
// al. 2023.
type CondOT struct{}

// Coefficients implements [Path]. The usual path does without fill: a Coef that
// is returned is copied at several times the cost of computing it.
func (CondOT) Coefficients(c []Coef, t []float64) error {
	if len(c) != len(t) {
		panic("path: coefficients and times differ in number")
	}
	for i, t := range t {
		t, err := inside(t, 0, 1, i)
		if err != nil {
			return err
		}
		at := &c[i]
		at.Alpha, at.Sigma, at.Gamma = t, 1-t, 0
		at.DAlpha, at.DSigma, at.DGamma = 1, -1, 0
	}
	return nil
}

// Domain implements [Path].
func (CondOT) Domain() (lo, hi float64) { return 0, 1 }

// Target is the straight path that ends with some noise left, alpha = t and
// sigma = 1 - (1 - SigmaMin) t (Lipman et al. 2023, eq. 20).
type Target struct{ SigmaMin float64 }

// NewTarget checks sigmaMin, in [0, 1]; the usual one is 1e-4.
func NewTarget(sigmaMin float64) (Target, error) {
	if !(0 <= sigmaMin && sigmaMin <= 1) {
		return Target{}, fmt.Errorf("path: sigma_min of target is %v, not in [0, 1]", sigmaMin)
	}
	return Target{sigmaMin}, nil
}

// Coefficients implements [Path].
func (p Target) Coefficients(c []Coef, t []float64) error {
	return fill(c, t, 0, 1, func(t float64) Coef {
		return Coef{Alpha: t, Sigma: (1 - t) + p.SigmaMin*t, DAlpha: 1, DSigma: p.SigmaMin - 1}
	})
}

// Domain implements [Path].
func (Target) Domain() (lo, hi float64) { return 0, 1 }

// Polynomial is alpha = t^N and sigma = 1 - t^N. With N < 1 the derivatives are
// infinite at the noise end.
type Polynomial struct{ N float64 }

// NewPolynomial checks n, above zero; the usual one is 2.
func NewPolynomial(n float64) (Polynomial, error) {
	if err := positive("polynomial", "n", n); err != nil {
		return Polynomial{}, err
	}
	return Polynomial{n}, nil
}

// Coefficients implements [Path].
func (p Polynomial) Coefficients(c []Coef, t []float64) error {
	lo, hi := p.Domain()
	return fill(c, t, lo, hi, func(t float64) Coef {
		a, da := math.Pow(t, p.N), p.N*math.Pow(t, p.N-1)
		return Coef{Alpha: a, Sigma: 1 - a, DAlpha: da, DSigma: 0 - da}
	})
}

// Domain implements [Path]. With N < 1 it begins where alpha is 1e-5, but not
// before 1e-15: what is left out is an error of the start.
func (p Polynomial) Domain() (lo, hi float64) {
	if p.N < 1 {
		return max(math.Pow(1e-5, 1/p.N), 1e-15), 1
	}
	return 0, 1
}

// BaseStd is sigma(0), which Coefficients cannot say when N < 1.
func (Polynomial) BaseStd() float64 { return 1 }

// Cosine is alpha = sin(pi t/2) and sigma = cos(pi t/2), the trigonometric
// interpolant of Albergo and Vanden-Eijnden 2023.
type Cosine struct{}

// Coefficients implements [Path].
func (Cosine) Coefficients(c []Coef, t []float64) error {
	return fill(c, t, 0, 1, func(t float64) Coef {
		// The cosine as a sine of the rest, which is exact at both ends.
		a, s := math.Sin(math.Pi/2*t), math.Sin(math.Pi/2*(1-t))
		return Coef{Alpha: a, Sigma: s, DAlpha: math.Pi / 2 * s, DSigma: 0 - math.Pi/2*a}
	})
}

// Domain implements [Path].
func (Cosine) Domain() (lo, hi float64) { return 0, 1 }
