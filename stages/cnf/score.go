package cnf

import (
	"context"
	"math"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/solver"
)

// Score writes -log p(x), in nats, of rows x [rows][f.Dim()] in model space to nll
// [rows], without regularisers and without a gradient. Row r has number first+r. Rows
// that do not arrive get NaN, and the first of them is a *solver.RowError, when all
// others have their number. The same calls do not have the bits of Add, which sums the
// integrals on the way back. It allocates.
func (g *Gradient[T]) Score(ctx context.Context, nll []float64, x []T, first int64, rows int) error {
	d, held := g.field.dim, model.Held(g.field.f)
	move := d - held
	f := &field[T]{f: g.field.f, loss: g.loss, q: model.Integrands{Probes: g.loss.Probes}, dim: d}
	f.begin(first, rows)
	o := g.loss.Solver.Options
	o.Workers = 1 // as the probes have one call at a time
	m := &solver.Method{Tableau: g.loss.Solver.Tableau, Options: o}
	state := solver.State[T]{X: append([]T(nil), x[:rows*d]...), Q: make([]float64, rows), Rows: rows, Dim: d, Held: held, Quads: 1, FirstID: first}
	report, err := solver.Solve(ctx, m, solver.Field[T](f), state, 1, 0)
	if err != nil {
		return err
	}
	z := make([]float64, rows*move)
	for r := range rows {
		for i := range move {
			z[r*move+i] = float64(state.X[r*d+i])
		}
	}
	g.loss.Base.LogProb(nll, z, rows)
	for r, s := range report.Status {
		nll[r] = -nll[r] - state.Q[r]
		if s != solver.OK {
			nll[r] = math.NaN()
			if err == nil {
				err = &solver.RowError{Row: first + int64(r), Status: s}
			}
		}
	}
	return err
}
