package solvertest

import (
	"fmt"
	"math"
	"slices"

	"github.com/pathline/pathline/stages/law"
	"github.com/pathline/pathline/stages/solver"
)

// times checks states on the way: of a clock, which every method and interpolant has
// exactly, so that a state that belongs to another time or another row shows; and of
// rows that take many and few steps, one of which fails on the way.
func times[T solver.Float](tt law.T, s solver.Solver, tol float64) {
	const rows = 23
	for _, iv := range [][2]float64{{0, 1}, {1, 0}, {0.1, 0.7}, {-1.0 / 3, 2.0 / 3}} {
		lo, hi := min(iv[0], iv[1]), max(iv[0], iv[1])
		f := fieldFunc[T]{3, func(dx []T, t float64, x []T) {
			if !(lo <= t && t <= hi) {
				tt.Errorf("the field is evaluated at %v, outside of [%v, %v]", t, lo, hi)
				t = min(max(t, lo), hi)
			}
			dx[0], dx[1], dx[2] = 1, T(math.Cos(9*t))*(x[2]-x[1]), x[1]*T(math.Sin(5*t))
			if x[2] > 40 && (t-iv[0])/(iv[1]-iv[0]) > 0.5 {
				dx[1] = T(math.NaN())
			}
		}}
		x0 := make([]T, 3*rows)
		for r := range rows {
			x0[3*r], x0[3*r+1], x0[3*r+2] = T(iv[0]), T(1+r%5), T(math.Cos(float64(r*r)))
		}
		x0[3*7+2] = 100
		at := func(u float64) float64 { return iv[0] + (iv[1]-iv[0])*u }
		moments := []float64{iv[0], iv[0], at(0.003), at(0.25), at(0.3), at(0.3), at(0.77), at(0.999), iv[1]}
		plain, follow := slices.Clone(x0), slices.Clone(x0)
		want, err := solver.Solve(tt.Context(), s, f, solver.State[T]{X: plain, Rows: rows, Dim: 3}, iv[0], iv[1])
		if err != nil {
			tt.Fatal(err)
		}
		states := make([]T, len(moments)*3*rows)
		got, err := solver.SolveAt(tt.Context(), s, f, solver.State[T]{X: follow, Rows: rows, Dim: 3}, iv[0], iv[1], moments, states)
		if err != nil {
			tt.Fatal(err)
		}
		if _, ok := s.(solver.Dense); ok && (fmt.Sprint(follow) != fmt.Sprint(plain) || !slices.Equal(got.Status, want.Status) ||
			!slices.Equal(got.Accepted, want.Accepted) || !slices.Equal(got.Rejected, want.Rejected)) {
			tt.Errorf("from %v to %v: a solve that is followed ends otherwise", iv[0], iv[1])
		}
		for i, t := range moments {
			for r := range rows {
				row := states[(i*rows+r)*3 : (i*rows+r+1)*3]
				switch {
				case r == 7 && i >= len(moments)-3: // failed before
					for c := range row {
						if row[c] != follow[3*r+c] {
							tt.Errorf("row 7 at %v: %v, after it failed at %v", t, row, follow[3*r:3*r+3])
						}
					}
				case i == len(moments)-1:
					if row[1] != follow[3*r+1] || row[2] != follow[3*r+2] {
						tt.Errorf("row %d ends as %v, followed as %v", r, follow[3*r:3*r+3], row)
					}
				default:
					near(tt, fmt.Sprintf("from %v to %v: clock of row %d at time %d", iv[0], iv[1], r, i), float64(row[0]), t, 1e-5)
				}
			}
		}
		if i := 4 * 3 * rows; !slices.Equal(states[i:i+3*rows], states[i+3*rows:i+6*rows]) {
			tt.Errorf("one time twice is two states")
		}
		few := make([]T, len(moments)*3)
		if _, err := solver.SolveAt(tt.Context(), s, f, solver.State[T]{X: slices.Clone(x0[6:9]), Rows: 1, Dim: 3, FirstID: 2}, iv[0], iv[1], moments, few); err != nil {
			tt.Fatal(err)
		}
		for i := range moments {
			if !slices.Equal(few[3*i:3*i+3], states[(i*rows+2)*3:(i*rows+3)*3]) {
				tt.Errorf("row 2 alone has another state at time %d", i)
			}
		}
	}
}
