package solver_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/solver"
)

// TestTrajectory checks the times visited, that a failed row stays where it was
// for the rest of the way, and that the others do not notice.
func TestTrajectory(t *testing.T) {
	m := &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1e-8, Atol: 1e-8}}
	x := []float64{0.5, 4, -1, 3} // y' = y² ends at 1/y
	times := []float64{0, 0.2, 0.3, 1}
	var visited []float64
	var stuck [2]float64
	report, err := solver.Trajectory(t.Context(), m, solver.Field[float64](square{}), solver.State[float64]{X: x, Rows: 4, Dim: 1}, times,
		func(i int, at float64, x []float64) error {
			visited = append(visited, at)
			if i == 2 {
				stuck[0] = x[1]
			}
			for r, x0 := range []float64{0.5, 4, -1, 3} {
				if want := x0 / (1 - at*x0); want > 0 == (x0 > 0) && math.Abs(x[r]/want-1) > 1e-5 {
					t.Errorf("row %d at %v: %v, want %v", r, at, x[r], want)
				}
			}
			return nil
		})
	stuck[1] = x[1]
	if err != nil || !slices.Equal(visited, times) {
		t.Errorf("visited %v, error %v", visited, err)
	}
	want := []solver.Status{solver.OK, solver.StepUnderflow, solver.OK, solver.StepUnderflow}
	if !slices.Equal(report.Status, want) || stuck[0] != stuck[1] || stuck[0] < 100 {
		t.Errorf("status %v, row 1 at %v", report.Status, stuck)
	}
	own := errors.New("the visitor's own")
	calls := 0
	_, err = solver.Trajectory(t.Context(), m, solver.Field[float64](decay{}), solver.State[float64]{X: x, Rows: 4, Dim: 1}, times,
		func(i int, _ float64, _ []float64) error {
			calls++
			if i == 1 {
				return own
			}
			return nil
		})
	if err != own || calls != 2 {
		t.Errorf("error %v after %d visits", err, calls)
	}
}
