package solver_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/solver"
)

// spun turns the first two of d columns, as fast as the third says: it is 3 in
// every row of the test, where rows have one.
type spun[T solver.Float] struct{ d int }

func (f spun[T]) Eval(_ context.Context, dx []T, t []float64, x []T, rows int) error {
	clear(dx[:rows*f.d])
	for r := range rows {
		speed := T(3)
		if f.d > 2 {
			speed = x[r*f.d+2]
		}
		dx[r*f.d], dx[r*f.d+1] = -speed*x[r*f.d+1], speed*x[r*f.d]*T(1+t[r])
	}
	return nil
}

func (f spun[T]) EvalQuad(ctx context.Context, dx []T, dq []float64, t []float64, x []T, _ []int64, rows int) error {
	for r := range rows {
		dq[r] = float64(x[r*f.d]) * t[r]
	}
	return f.Eval(ctx, dx, t, x, rows)
}

// Columns that are held change no bit of a solve, however large they are: the
// rows, their integrals, their counts and their steps are those of rows that have
// none. Held columns stay as they are.
func TestHeldColumnsChangeNothing(t *testing.T) {
	heldLaw[float32](t)
	heldLaw[float64](t)
}

func heldLaw[T solver.Float](t *testing.T) {
	const rows = 70
	for _, tableau := range solver.Tableaus() {
		options := []solver.Options{{Steps: 7}}
		if tableau.Adaptive() {
			options = append(options, solver.Options{Rtol: 1e-3, Atol: 1e-4}, solver.Options{Rtol: 1e-3, Atol: 1e-4, Control: "batch"})
		}
		for _, o := range options {
			o.Workers, o.Tile = 1, 16
			m := &solver.Method{Tableau: tableau, Options: o}
			solve := func(held ...T) (x []T, q []float64, report solver.Report) {
				d := 2 + len(held)
				s := solver.State[T]{Rows: rows, Dim: d, Held: len(held), Quads: 1, Q: make([]float64, rows)}
				for r := range rows {
					s.X = append(append(s.X, T(r%9)-4, T(r%5)/4), held...)
				}
				report, err := solver.Solve(context.Background(), m, solver.Field[T](spun[T]{d}), s, 0, 1)
				if err != nil {
					t.Fatal(err)
				}
				for r := range rows {
					if !slices.Equal(s.X[r*d+2:(r+1)*d], held) {
						t.Fatalf("%s: row %d holds %v, not %v", tableau.Name, r, s.X[r*d+2:(r+1)*d], held)
					}
					x = append(x, s.X[r*d:r*d+2]...)
				}
				return x, s.Q, report
			}
			x, q, report := solve()
			y, p, again := solve(3, -1e6, 1e-9)
			same := slices.EqualFunc(x, y, func(a, b T) bool { return math.Float64bits(float64(a)) == math.Float64bits(float64(b)) })
			if !same || !slices.Equal(q, p) || !slices.Equal(report.Evaluations, again.Evaluations) || !slices.Equal(report.Rejected, again.Rejected) {
				t.Errorf("%s, %+v, %T: held columns change the solve: %v evaluations of the first rows, %v without them", tableau.Name, o, x, again.Evaluations[:3], report.Evaluations[:3])
			}
		}
	}
}
