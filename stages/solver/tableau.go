package solver

import (
	"fmt"
	"math"
	"slices"
)

// Tableau is an explicit Runge-Kutta method (Butcher 1964):
//
//	k_i = f(t + C[i] h, x + h sum_j A[i][j] k_j),   j < i
//	x(t+h) = x + h sum_i B[i] k_i
//	error  = h sum_i BErr[i] k_i
//
// A tableau is a value; callers do not change its slices.
type Tableau struct {
	Name          string
	Order         int       // of B
	EmbeddedOrder int       // of B - BErr; 0 when there is no error estimate
	C             []float64 // [stages], C[0] = 0
	A             [][]float64
	B             []float64 // [stages]

	// BErr is B minus the embedded weights, or nil for a method of fixed steps
	// only.
	BErr []float64

	// BErr3 is a second error row (DOP853, Hairer II.10), or nil. With the norms
	// e5 of BErr and e3 of BErr3 the estimate is e5² / sqrt(e5² + 0.01 e3²).
	BErr3 []float64

	// Interpolant is what gives states within a step, or nil for the cubic of Hermite.
	Interpolant *Interpolant
}

// Stages is the number of stages.
func (b Tableau) Stages() int { return len(b.C) }

// Adaptive reports whether the method has an error estimate.
func (b Tableau) Adaptive() bool { return b.BErr != nil }

// FSAL reports whether the last stage is the first one of the next step ("first
// same as last"): its argument is x(t+h).
func (b Tableau) FSAL() bool {
	s := b.Stages()
	return s > 1 && b.C[s-1] == 1 && b.B[s-1] == 0 && slices.Equal(b.A[s-1], b.B[:s-1])
}

// Check says what is wrong with the shape of a tableau. Whether the
// coefficients make a method of the stated order is for the laws of solvertest.
func (b Tableau) Check() error {
	s := len(b.C)
	switch {
	case s == 0:
		return fmt.Errorf("solver: tableau %q has no stages", b.Name)
	case len(b.A) != s || len(b.B) != s:
		return fmt.Errorf("solver: tableau %q has %d stages, %d rows of A and %d weights", b.Name, s, len(b.A), len(b.B))
	case b.BErr != nil && len(b.BErr) != s, b.BErr3 != nil && (b.BErr == nil || len(b.BErr3) != s):
		return fmt.Errorf("solver: tableau %q has %d stages and an error row of another length", b.Name, s)
	case b.BErr != nil && s < 2:
		return fmt.Errorf("solver: tableau %q has an error row and one stage", b.Name)
	case b.Order < 1:
		return fmt.Errorf("solver: tableau %q has order %d", b.Name, b.Order)
	case b.C[0] != 0:
		return fmt.Errorf("solver: tableau %q does not start at its step's start", b.Name)
	}
	for i, row := range b.A {
		if len(row) != i {
			return fmt.Errorf("solver: row %d of tableau %q has %d coefficients, not %d", i, b.Name, len(row), i)
		}
	}
	for _, row := range append([][]float64{b.C, b.B, b.BErr, b.BErr3}, b.A...) {
		for _, a := range row {
			if math.IsNaN(a) || math.IsInf(a, 0) {
				return fmt.Errorf("solver: tableau %q has a coefficient that is not finite", b.Name)
			}
		}
	}
	for _, c := range b.C {
		if c < 0 || c > 1 {
			return fmt.Errorf("solver: tableau %q has a stage outside of its step, at %v", b.Name, c)
		}
	}
	if b.Interpolant != nil {
		return b.Interpolant.check(b)
	}
	return nil
}

// Tableaus are the methods of this package, by order.
func Tableaus() []Tableau {
	return []Tableau{
		Euler(), Midpoint(), Heun(), Ralston(), Heun3(), Kutta3(), SSPRK3(), RK4(), RK438(),
		Bosh3(), Dopri5(), Tsit5(), Dop853(),
	}
}

// ByName is the tableau with that name.
func ByName(name string) (Tableau, bool) {
	for _, b := range Tableaus() {
		if b.Name == name {
			return b, true
		}
	}
	return Tableau{}, false
}
