package path

import (
	"fmt"
	"math"
)

// Prediction is what a network is trained to say of x_t.
type Prediction uint8

// The predictions.
const (
	Velocity Prediction = iota // u_t
	Data                       // x1
	Noise                      // x0; with gamma (sigma x0 + gamma e) / sqrt(sigma² + gamma²)
)

var predictions = [...]string{"velocity", "data", "noise"}

// String is the word of the pipeline file: velocity, data or noise.
func (p Prediction) String() string { return predictions[p] }

// ParsePrediction is the prediction with that name.
func ParsePrediction(name string) (Prediction, error) {
	for i, s := range predictions {
		if s == name {
			return Prediction(i), nil
		}
	}
	return 0, fmt.Errorf("path: %q is not velocity, data or noise", name)
}

// Write writes the regression target [rows][dim] of a prediction. e may be nil
// when no row has gamma.
func (p Prediction) Write(dst []float32, c []Coef, x0, x1, e []float32, rows, dim int) {
	n := rows * dim
	if len(c) != rows || len(dst) != n || len(x0) != n || len(x1) != n || e != nil && len(e) != n {
		panic("path: slices of other lengths than rows and dim")
	}
	if p == Data {
		copy(dst, x1)
		return
	}
	for r := range rows {
		c, lo, hi := c[r], r*dim, (r+1)*dim
		if (c.Gamma != 0 || c.DGamma != 0) && e == nil {
			panic("path: a path with gamma needs a second noise")
		}
		switch {
		case p == Velocity:
			mix(dst[lo:hi], c.DAlpha, c.DSigma, x1[lo:hi], x0[lo:hi])
			if c.DGamma != 0 {
				add(dst[lo:hi], c.DGamma, e[lo:hi])
			}
		case c.Gamma == 0:
			copy(dst[lo:hi], x0[lo:hi])
		default:
			s := math.Hypot(c.Sigma, c.Gamma)
			mix(dst[lo:hi], c.Sigma/s, c.Gamma/s, x0[lo:hi], e[lo:hi])
		}
	}
}

// Marginal are the coefficients without gamma of the same marginals and the same
// marginal velocity, for x0 ~ N(0, I) that is independent of x1: the two noises
// are then one of variance sigma² + gamma².
func (c Coef) Marginal() Coef {
	if c.Gamma == 0 && c.DGamma == 0 {
		return c
	}
	s := math.Hypot(c.Sigma, c.Gamma)
	ds := c.DSigma
	if s > 0 {
		ds = (c.Sigma*c.DSigma + c.Gamma*c.DGamma) / s
	}
	return Coef{Alpha: c.Alpha, Sigma: s, DAlpha: c.DAlpha, DSigma: ds}
}

// Convert turns a prediction at x_t into another: the result is x x_t +
// prediction times what is predicted. With D = DAlpha Sigma - DSigma Alpha, v
// the velocity, x1 the data and x0 the noise (Lipman et al. 2024, table 1),
//
//	v  = (DSigma/Sigma) x_t + (D/Sigma) x1 = (DAlpha/Alpha) x_t - (D/Alpha) x0
//	x1 = (Sigma v - DSigma x_t) / D        = (x_t - Sigma x0) / Alpha
//	x0 = (DAlpha x_t - Alpha v) / D        = (x_t - Alpha x1) / Sigma
//
// Singular ends: a divisor nearer to zero than 1e-3 is taken as 1e-3 with its
// sign. Near an end where a prediction does not determine the other the result
// is then finite, and an error of the network is not blown up by more than 1000.
// On a straight path the price is a velocity from noise (from data) that falls
// to zero over the first (last) 1e-3 of time, which loses 1/2000 of the way. With
// gamma the coefficients are those of Marginal.
func Convert(c Coef, from, to Prediction) (x, prediction float64) {
	if from == to {
		return 0, 1
	}
	c = c.Marginal()
	d := c.DAlpha*c.Sigma - c.DSigma*c.Alpha
	switch from {
	case Velocity:
		if to == Data {
			return -c.DSigma / above(d), c.Sigma / above(d)
		}
		return c.DAlpha / above(d), -c.Alpha / above(d)
	case Data:
		if to == Velocity {
			return c.DSigma / above(c.Sigma), d / above(c.Sigma)
		}
		return 1 / above(c.Sigma), -c.Alpha / above(c.Sigma)
	case Noise:
		if to == Velocity {
			return c.DAlpha / above(c.Alpha), -d / above(c.Alpha)
		}
		return 1 / above(c.Alpha), -c.Sigma / above(c.Alpha)
	}
	panic("path: unknown prediction")
}

// Score is the score of p_t from the velocity, x x_t + velocity times v: minus
// the expected noise over sigma, for x0 ~ N(0, I) independent of x1.
func Score(c Coef) (x, velocity float64) {
	c = c.Marginal()
	x, velocity = Convert(c, Velocity, Noise)
	return -x / above(c.Sigma), -velocity / above(c.Sigma)
}

// HasScore says whether Score at c is the score, and not cut off: D and sigma are at
// least 1e-3 from zero.
func HasScore(c Coef) bool {
	c = c.Marginal()
	return math.Abs(c.DAlpha*c.Sigma-c.DSigma*c.Alpha) >= least && c.Sigma >= least
}

// least is the least divisor of Convert.
const least = 1e-3

// above is x, or what is nearest to it of those at least 1e-3 from zero.
func above(x float64) float64 {
	if math.Abs(x) < least {
		return math.Copysign(least, x)
	}
	return x
}
