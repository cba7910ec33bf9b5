package solver

import (
	"fmt"
	"math"
)

// Interpolant is a continuous extension of a method (Hairer I, II.6): between the
// ends of a step from t to t + h,
//
//	x(t + u h) = x + h sum_i b_i(u) k_i,   b_i(u) = sum_p B[i][p] u^(p+1),   0 <= u <= 1
//
// over the stages of the method and, behind them, those of C and A, which are
// computed only in steps within which a state is asked for.
type Interpolant struct {
	Order int         // the largest for which the local error is O(h^(Order+1)) at every u
	C     []float64   // nodes of the additional stages, in [0, 1]
	A     [][]float64 // [len(C)][stages + place]
	B     [][]float64 // [stages + len(C)][degree]
}

// Dense is the method's own interpolant, or else the cubic of Hermite through both
// ends of a step with the slopes there (Hairer I, II.6, eq. 6.7), which takes one
// more evaluation where the last stage is not the slope at the end.
func (b Tableau) Dense() Interpolant {
	if b.Interpolant != nil {
		return *b.Interpolant
	}
	s := b.Stages()
	in := Interpolant{Order: min(b.Order, 3)}
	end := s - 1
	if !b.FSAL() {
		in.C, in.A, end = []float64{1}, [][]float64{b.B}, s
	}
	// With the weights w of the step: (u - 2u² + u³) k_0 + (3u² - 2u³) w + (u³ - u²) k_end.
	for i := range s + len(in.C) {
		row := make([]float64, 3)
		if i < s {
			row[1], row[2] = 3*b.B[i], -2*b.B[i]
		}
		if i == 0 {
			row[0], row[1], row[2] = row[0]+1, row[1]-2, row[2]+1
		}
		if i == end {
			row[1], row[2] = row[1]-1, row[2]+1
		}
		in.B = append(in.B, row)
	}
	return in
}

// quartic is the polynomial of degree four through both ends of a step, their
// slopes and the middle, x + h sum_i mid[i] k_i: the interpolant of L. Shampine,
// "Some practical Runge-Kutta formulas", 1986, which torchdiffeq has.
func quartic(b, mid []float64) [][]float64 {
	last := len(b) - 1
	rows := make([][]float64, len(b))
	for i := range rows {
		rows[i] = []float64{0, 16*mid[i] - 5*b[i], 14*b[i] - 32*mid[i], 16*mid[i] - 8*b[i]}
	}
	for p, v := range []float64{1, -4, 5, -2} {
		rows[0][p] += v
	}
	for p, v := range []float64{0, 1, -3, 2} {
		rows[last][p] += v
	}
	return rows
}

// at writes b_i(u) to w, one per stage and additional stage.
func (in *Interpolant) at(u float64, w []float64) {
	for i, row := range in.B {
		s := 0.0
		for p := len(row) - 1; p >= 0; p-- {
			s = (s + row[p]) * u
		}
		w[i] = s
	}
}

// check says what is wrong with the shape of an interpolant of b.
func (in *Interpolant) check(b Tableau) error {
	s := b.Stages()
	switch {
	case in.Order < 1:
		return fmt.Errorf("solver: the interpolant of tableau %q has order %d", b.Name, in.Order)
	case len(in.A) != len(in.C) || len(in.B) != s+len(in.C):
		return fmt.Errorf("solver: the interpolant of tableau %q has %d more stages, %d rows of A and %d weights", b.Name, len(in.C), len(in.A), len(in.B))
	}
	for i, c := range in.C {
		if !(0 <= c && c <= 1) {
			return fmt.Errorf("solver: the interpolant of tableau %q has a stage outside of the step, at %v", b.Name, c)
		}
		if len(in.A[i]) != s+i {
			return fmt.Errorf("solver: row %d of the interpolant of tableau %q has %d coefficients, not %d", i, b.Name, len(in.A[i]), s+i)
		}
	}
	for i, row := range in.B {
		if len(row) == 0 || len(row) != len(in.B[0]) {
			return fmt.Errorf("solver: weight %d of the interpolant of tableau %q has %d coefficients", i, b.Name, len(row))
		}
	}
	for _, rows := range [][][]float64{in.A, in.B} {
		for _, row := range rows {
			for _, a := range row {
				if math.IsNaN(a) || math.IsInf(a, 0) {
					return fmt.Errorf("solver: the interpolant of tableau %q has a coefficient that is not finite", b.Name)
				}
			}
		}
	}
	return nil
}
