package solver

import "context"

// Trajectory solves from times[0] to times[1], on to times[2] and so on, and
// calls visit at every one of them, the first included, with the rows of
// state.X as they are then; visit does not keep or write x. Fixed steps are
// taken between each two neighbours.
//
// A row that fails stays at its last accepted state for all later times. The
// report adds up the pieces. An error of visit ends the solve and is returned
// as it is.
func Trajectory[T Float](ctx context.Context, s Solver, f Field[T], state State[T], times []float64, visit func(i int, t float64, x []T) error) (Report, error) {
	n, d, q := state.Rows, state.Dim, state.Quads
	total := NewReport(n)
	live := make([]int, n) // rows that have not failed, in their order
	for r := range live {
		live[r] = r
	}
	part := state
	for i, t := range times {
		if i > 0 && len(live) > 0 {
			if len(live) < n {
				part.Rows = len(live)
				part.X, part.Q = make([]T, part.Rows*d), make([]float64, part.Rows*q)
				for j, r := range live {
					copy(part.X[j*d:(j+1)*d], state.X[r*d:(r+1)*d])
					copy(part.Q[j*q:(j+1)*q], state.Q[r*q:(r+1)*q])
				}
			}
			report, err := Solve(ctx, s, f, part, times[i-1], t)
			if len(report.Status) != len(live) { // it did not begin
				return total, err
			}
			kept := live[:0]
			for j, r := range live {
				copy(state.X[r*d:(r+1)*d], part.X[j*d:(j+1)*d])
				copy(state.Q[r*q:(r+1)*q], part.Q[j*q:(j+1)*q])
				total.Status[r] = report.Status[j]
				total.Evaluations[r] += report.Evaluations[j]
				total.Accepted[r] += report.Accepted[j]
				total.Rejected[r] += report.Rejected[j]
				if report.Status[j] == OK {
					kept = append(kept, r)
				}
			}
			live = kept
			if err != nil {
				return total, err
			}
		}
		if err := visit(i, t, state.X); err != nil {
			return total, err
		}
	}
	return total, nil
}
