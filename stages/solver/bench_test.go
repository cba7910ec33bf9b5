package solver_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/pathline/pathline/stages/solver"
)

// shrink is dx/dt = -x with the integrand -d, in float32: it costs next to
// nothing, so what is measured is the solver.
type shrink struct{ calls *int }

func (f shrink) Eval(_ context.Context, dx []float32, _ []float64, x []float32, rows int) error {
	*f.calls += rows
	dx = dx[:len(x)]
	for i, v := range x {
		dx[i] = -v
	}
	return nil
}

func (f shrink) EvalQuad(ctx context.Context, dx []float32, dq, t []float64, x []float32, _ []int64, rows int) error {
	for r := range dq {
		dq[r] = -2
	}
	return f.Eval(ctx, dx, t, x, rows)
}

// BenchmarkSolve reports the time of one evaluation of one row, the solver's share
// of it included.
func BenchmarkSolve(b *testing.B) {
	for _, m := range []*solver.Method{
		{Tableau: solver.Euler(), Options: solver.Options{Steps: 100, Workers: 1}},
		{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1e-6, Atol: 1e-6, Workers: 1}},
	} {
		for _, d := range []int{2, 21} {
			for quads := range 2 {
				b.Run(fmt.Sprintf("%s/d=%d/quads=%d", m.Tableau.Name, d, quads), func(b *testing.B) {
					const rows = 4096
					x, q := make([]float32, rows*d), make([]float64, rows*quads)
					calls := 0
					for b.Loop() {
						for i := range x {
							x[i] = float32(i%97) - 48
						}
						clear(q)
						if _, err := m.Solve32(b.Context(), shrink{&calls}, solver.State[float32]{X: x, Q: q, Rows: rows, Dim: d, Quads: quads}, 0, 1); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(calls), "ns/eval")
					b.ReportMetric(float64(calls)/float64(b.N)/rows, "evals/row")
				})
			}
		}
	}
}
