package cnf

import (
	"errors"
	"math"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// Base is the distribution at t = 0.
type Base interface {
	model.Base
	// Score writes the gradient of log p0 at x [rows][d].
	Score(score, x []float64, rows int)
}

// Loss is what is minimised, and how it is computed:
//
//	-log p(x) + Kinetic ∫ |v|²/2 dt + Jacobian ∫ |∂v/∂x|² dt
//
// in nats, the integrals from 0 to 1 along the way of a row. (Finlay et al. 2020, eq.
// 11, divide all of it by the number of columns.)
type Loss struct {
	Base   Base
	Solver *solver.Method
	// Adjoint solves for the gradient; nil goes back through the steps of Solver.
	Adjoint *solver.Method

	// Probes is how many directions estimate the divergence, and the Jacobian; 0 is
	// exact. They are signs, or Gaussian. Direction p of the row with number n is
	// drawn by Key at (n, step p).
	Probes   int
	Gaussian bool
	Key      random.Key

	// Kinetic and Jacobian are the coefficients of the regularisers.
	Kinetic, Jacobian float64

	// Keep is solver.Tape's.
	Keep int
}

// Check says what is wrong.
func (l Loss) Check() error {
	switch {
	case l.Base == nil || l.Solver == nil:
		return errors.New("cnf: a loss needs a base and a solver")
	case l.Probes < 0:
		return errors.New("cnf: there cannot be fewer than no probes")
	case !(l.Kinetic >= 0) || !(l.Jacobian >= 0) || math.IsInf(l.Kinetic+l.Jacobian, 1):
		return errors.New("cnf: a coefficient of a regulariser is no number from zero up")
	}
	return nil
}

// integrands are those of the loss.
func (l Loss) integrands() model.Integrands {
	return model.Integrands{Probes: l.Probes, Kinetic: l.Kinetic > 0, Jacobian: l.Jacobian > 0}
}

// coefficients of the integrals, in their order.
func (l Loss) coefficients() []float64 {
	c := []float64{1}
	if l.Kinetic > 0 {
		c = append(c, l.Kinetic)
	}
	if l.Jacobian > 0 {
		c = append(c, l.Jacobian)
	}
	return c
}

// Sums are sums over rows. They add up.
type Sums struct {
	Loss              float64
	NLL               float64 // -log p(x), nats
	Kinetic, Jacobian float64 // the integrals, where the loss has them
	Evaluations       int64   // of the field on the way there; 0 with fixed steps, where all rows have the same
}
