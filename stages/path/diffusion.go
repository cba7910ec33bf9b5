package path

import (
	"fmt"
	"math"
)

// LinearVP is the path of constant variance with alpha = t, sigma = sqrt(1 -
// t²). dsigma/dt is infinite at the data end.
type LinearVP struct{}

// Coefficients implements [Path].
func (p LinearVP) Coefficients(c []Coef, t []float64) error {
	lo, hi := p.Domain()
	return fill(c, t, lo, hi, func(t float64) Coef {
		s := math.Sqrt((1 - t) * (1 + t))
		return Coef{Alpha: t, Sigma: s, DAlpha: 1, DSigma: (0 - t) / s}
	})
}

// Domain implements [Path].
func (LinearVP) Domain() (lo, hi float64) { return 0, 1 - singular }

// VP is the variance-preserving diffusion of Song et al. 2021 in the time of
// Lipman et al. 2023, eq. 19: with T(t) = (1-t)² (BetaMax - BetaMin)/2 + (1-t)
// BetaMin,
//
//	alpha = exp(-T/2),   sigma = sqrt(1 - exp(-T))
//
// alpha(0) is small, not zero. dsigma/dt is infinite at the data end.
type VP struct{ BetaMin, BetaMax float64 }

// NewVP checks 0 < betaMin <= betaMax; the usual ones are 0.1 and 20.
func NewVP(betaMin, betaMax float64) (VP, error) {
	if err := positive("vp", "beta_min", betaMin); err != nil {
		return VP{}, err
	}
	if err := positive("vp", "beta_max", betaMax); err != nil {
		return VP{}, err
	}
	if betaMax < betaMin {
		return VP{}, fmt.Errorf("path: beta_max of vp is %v, below beta_min, %v", betaMax, betaMin)
	}
	return VP{betaMin, betaMax}, nil
}

// Coefficients implements [Path].
func (p VP) Coefficients(c []Coef, t []float64) error {
	lo, hi := p.Domain()
	return fill(c, t, lo, hi, func(t float64) Coef {
		b := p.BetaMax - p.BetaMin
		T := (1-t)*(1-t)*b/2 + (1-t)*p.BetaMin
		dT := -(1-t)*b - p.BetaMin
		a, s := math.Exp(-T/2), math.Sqrt(-math.Expm1(-T))
		return Coef{Alpha: a, Sigma: s, DAlpha: -dT / 2 * a, DSigma: dT / 2 * a * a / s}
	})
}

// Domain implements [Path].
func (VP) Domain() (lo, hi float64) { return 0, 1 - singular }

// VE is the variance-exploding diffusion of Song et al. 2021 in our time:
//
//	alpha = 1,   sigma = SigmaMin (SigmaMax/SigmaMin)^(1-t)
type VE struct{ SigmaMin, SigmaMax float64 }

// NewVE checks 0 < sigmaMin < sigmaMax; the usual ones are 0.001 and 50.
func NewVE(sigmaMin, sigmaMax float64) (VE, error) {
	if err := positive("ve", "sigma_min", sigmaMin); err != nil {
		return VE{}, err
	}
	if err := positive("ve", "sigma_max", sigmaMax); err != nil {
		return VE{}, err
	}
	if sigmaMax <= sigmaMin {
		return VE{}, fmt.Errorf("path: sigma_max of ve is %v, not above sigma_min, %v", sigmaMax, sigmaMin)
	}
	return VE{sigmaMin, sigmaMax}, nil
}

// Coefficients implements [Path].
func (p VE) Coefficients(c []Coef, t []float64) error {
	l := math.Log(p.SigmaMax / p.SigmaMin)
	return fill(c, t, 0, 1, func(t float64) Coef {
		// Written from the nearer end, so that both ends are exact.
		s := p.SigmaMax * math.Exp(-l*t)
		if t > 0.5 {
			s = p.SigmaMin * math.Exp(l*(1-t))
		}
		return Coef{Alpha: 1, Sigma: s, DSigma: -l * s}
	})
}

// Domain implements [Path].
func (VE) Domain() (lo, hi float64) { return 0, 1 }
