package main

import (
	"context"
	"math"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/stages/path"
)

// SmoothstepConfig is what stands under `with:`.
type SmoothstepConfig struct {
	Variance float64 `yaml:"variance" json:"variance" doc:"0 gives sigma = 1 - alpha; 1 gives sigma = sqrt(1 - alpha²); between them, a mixture" min:"0" max:"1"`
}

// Smoothstep is the path
//
//	alpha = t²(3-2t),   sigma = (1-v)(1-alpha) + v sqrt(1-alpha²)
//
// with v the configured variance. dalpha/dt = 6t(1-t) is zero at both ends.
// There 1-alpha falls as 3(1-t)², so sqrt(1-alpha²) falls as sqrt(6) (1-t) and
// its derivative stays finite.
type Smoothstep struct{ v float64 }

// NewSmoothstep builds the stage.
func NewSmoothstep(_ context.Context, _ pipeline.Env, c SmoothstepConfig) (pipeline.Stage, error) {
	return give(Smoothstep{c.Variance})
}

// Domain implements path.Path.
func (Smoothstep) Domain() (lo, hi float64) { return 0, 1 }

// Coefficients implements path.Path.
func (p Smoothstep) Coefficients(c []path.Coef, t []float64) error {
	for i, t := range t {
		t = min(max(t, 0), 1)
		u := 1 - t
		alpha, dalpha := t*t*(3-2*t), 6*t*u
		// 1 - alpha = u²(1+2t) without cancellation; with w = (1+2t)(1+alpha),
		// sqrt(1-alpha²) = u sqrt(w).
		w := (1 + 2*t) * (1 + alpha)
		dw := 2*(1+alpha) + (1+2*t)*dalpha
		root := math.Sqrt(w)
		c[i] = path.Coef{
			Alpha: alpha, DAlpha: dalpha,
			Sigma:  (1-p.v)*u*u*(1+2*t) + p.v*u*root,
			DSigma: -(1-p.v)*dalpha + p.v*(u*dw/(2*root)-root),
		}
	}
	return nil
}
