package path

import "math"

// ICFM is the straight path in a tube of constant width (Tong et al. 2024, eq.
// 14): alpha = t, sigma = 1 - t, gamma = Sigma. Its ends are the noise and the
// data, each with N(0, Sigma²) added.
type ICFM struct{ Sigma float64 }

// NewICFM checks sigma, above zero; the usual one is 0.1. (At zero it is CondOT.)
func NewICFM(sigma float64) (ICFM, error) {
	if err := positive("icfm", "sigma", sigma); err != nil {
		return ICFM{}, err
	}
	return ICFM{sigma}, nil
}

// Coefficients implements [Path].
func (p ICFM) Coefficients(c []Coef, t []float64) error {
	return fill(c, t, 0, 1, func(t float64) Coef {
		return Coef{Alpha: t, Sigma: 1 - t, Gamma: p.Sigma, DAlpha: 1, DSigma: -1}
	})
}

// Domain implements [Path].
func (ICFM) Domain() (lo, hi float64) { return 0, 1 }

// Bridge is the Brownian bridge between noise and data (Tong et al. 2024, eq.
// 17): alpha = t, sigma = 1 - t, gamma = Sigma sqrt(t (1-t)). With the coupling
// of entropic optimal transport at 2 Sigma² it is the Schrödinger bridge.
// dgamma/dt is infinite at both ends.
type Bridge struct{ Sigma float64 }

// NewBridge checks sigma, above zero; the usual one is 1.
func NewBridge(sigma float64) (Bridge, error) {
	if err := positive("bridge", "sigma", sigma); err != nil {
		return Bridge{}, err
	}
	return Bridge{sigma}, nil
}

// Coefficients implements [Path].
func (p Bridge) Coefficients(c []Coef, t []float64) error {
	lo, hi := p.Domain()
	return fill(c, t, lo, hi, func(t float64) Coef {
		g := math.Sqrt(t * (1 - t))
		return Coef{
			Alpha: t, Sigma: 1 - t, Gamma: p.Sigma * g,
			DAlpha: 1, DSigma: -1, DGamma: p.Sigma * (1 - 2*t) / (2 * g),
		}
	})
}

// Domain implements [Path].
func (Bridge) Domain() (lo, hi float64) { return singular, 1 - singular }
