package model

import (
	"math"

	"github.com/pathline/pathline/stages/autodiff"
)

// TimeConfig says how the time enters a network.
type TimeConfig struct {
	// Use is "fourier" (default): [x, cos(t w_k), sin(t w_k)], the cosines
	// before the sines, with w_k = 64^(k/(Features-1)); or "concat": [x, t].
	Use string `json:"use" doc:"fourier: cosines and sines of t; concat: t itself" enum:"fourier,concat"`
	// Features is the number of frequencies, 32 by default; concat has none and
	// takes no notice of it.
	Features int `json:"features,omitempty" doc:"frequencies, of use: fourier" min:"0" max:"65536"`
}

// withDefaults fills what was left out and refuses what makes no sense.
func (c TimeConfig) withDefaults(model string) (TimeConfig, error) {
	switch c.Use {
	case "", "fourier":
		c.Use = "fourier"
		if c.Features == 0 {
			c.Features = 32
		}
		if c.Features < 0 || c.Features > 1<<16 {
			return c, unfit(model, "time.features", outOfRange, "%d is not between 1 and 65536", c.Features)
		}
	case "concat":
		c.Features = 0
	default:
		return c, unfit(model, "time.use", outOfRange, "unknown %q; there are fourier, concat", c.Use)
	}
	return c, nil
}

// frequencies are the w_k in radians per unit of time; nil means concat.
func (c TimeConfig) frequencies() []float64 {
	if c.Use != "fourier" {
		return nil
	}
	w := make([]float64, c.Features)
	for k := range w {
		w[k] = 1
		if c.Features > 1 {
			w[k] = math.Pow(64, float64(k)/float64(c.Features-1))
		}
	}
	return w
}

// timeWidth is the number of inputs that timeFeatures gives.
func timeWidth(w []float64) int {
	if w == nil {
		return 1
	}
	return 2 * len(w)
}

// timeFeatures are the inputs of a network that stand for t [1].
func timeFeatures(g *autodiff.Graph, w []float64, t autodiff.Value) autodiff.Value {
	if w == nil {
		return t
	}
	phase := g.Mul(g.Broadcast(g.Reshape(t), 0, len(w)), g.Const(w, len(w)))
	return g.Concat(g.Cos(phase), g.Sin(phase))
}
