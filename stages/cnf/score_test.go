package cnf_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/cnf"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/likelihood"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/solver"
)

// TestScores: the loss of a gradient, Score and what likelihood says of the flow are
// one number, and a row's has its bits in any company.
func TestScores(t *testing.T) {
	const rows = 9
	n := network(t, 0, 8, 8)
	x := points[float32](rows, 2)
	wide := make([]float64, len(x))
	for i, v := range x {
		wide[i] = float64(v)
	}
	for name, l := range map[string]cnf.Loss{
		"steps":    {Solver: steps(solver.RK4(), 9)},
		"adaptive": {Solver: adaptive(1e-6)},
		"adjoint":  {Solver: adaptive(1e-6), Adjoint: adaptive(1e-4)},
		"probes":   {Solver: steps(solver.Dopri5(), 5), Probes: 1, Key: 8},
	} {
		l.Base = flow.Normal{Dim: 2, Std: 1}
		g, err := cnf.New(n.(model.Reversible[float32]), l)
		if err != nil {
			t.Fatal(err)
		}
		nll, loss, one := make([]float64, rows), make([]float64, rows), make([]float64, 1)
		if err := g.Score(ctx, nll, x, 50, rows); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Add(ctx, zeros(n.(model.Reversible[float32])), loss, x, nil, 50, rows); err != nil {
			t.Fatal(err)
		}
		f := &flow.Flow{Description: flow.Description{Dim: 2, BaseStd: 1}, Base: l.Base, Field32: n}
		logp := make([]float64, rows)
		if _, err := likelihood.LogProb(ctx, f, l.Solver, logp, nil, wide, 50, rows, likelihood.Trace{Probes: l.Probes, Key: l.Key}); err != nil {
			t.Fatal(err)
		}
		for r := range rows {
			if math.Abs(nll[r]-loss[r]) > 1e-5 || math.Abs(nll[r]+logp[r]) > 1e-6 {
				t.Errorf("%s: -log p is %v, the loss %v, the likelihood says %v", name, nll[r], loss[r], -logp[r])
			}
			if err := g.Score(ctx, one, x[2*r:2*r+2], 50+int64(r), 1); err != nil || one[0] != nll[r] {
				t.Errorf("%s: row %d depends on the others: %v", name, r, err)
			}
		}
		// Rows that do not arrive are told, and are no harm to the others.
		lost, broken := make([]float64, rows), slices.Clone(x)
		broken[2*3], broken[2*5+1] = float32(math.NaN()), float32(math.Inf(1))
		var row *solver.RowError
		if err := g.Score(ctx, lost, broken, 50, rows); !errors.As(err, &row) || row.Row != 53 {
			t.Errorf("%s: rows 53 and 55 are broken: %v", name, err)
		}
		for r := range rows {
			if r == 3 || r == 5 {
				if !math.IsNaN(lost[r]) {
					t.Errorf("%s: row %d does not arrive and has %v", name, r, lost[r])
				}
			} else if lost[r] != nll[r] {
				t.Errorf("%s: row %d depends on broken ones", name, r)
			}
		}
	}
}
