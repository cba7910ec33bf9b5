package likelihood_test

import (
	"runtime/debug"
	"testing"

	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/likelihood"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/solver"
)

// TestAllocations: steps and evaluations of the divergence allocate nothing, so
// a score takes as many allocations with many steps as with few.
func TestAllocations(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties pools
	if raceEnabled {
		t.Skip("sync.Pool drops memory at random under the race detector")
	}
	const rows = 100
	for name, f := range map[string]*flow.Flow{"network": network(t, 3), "mixture": exactFlow(t, path.CondOT{})} {
		x, logp := data(f.Dim(), rows), make([]float64, rows)
		for kind, trace := range traces {
			for _, b := range []solver.Tableau{solver.Euler(), solver.Dopri5()} {
				count := func(steps int) float64 {
					o := solver.Options{Steps: steps, Workers: 1}
					if b.Adaptive() {
						o = solver.Options{Rtol: 1e-4, Atol: 1e-4, MaxStep: 1 / float64(steps), Workers: 1, Tile: 40}
					}
					s := &solver.Method{Tableau: b, Options: o}
					return testing.AllocsPerRun(3, func() {
						if _, err := likelihood.LogProb(ctx, f, s, logp, nil, x, 0, rows, trace); err != nil {
							t.Fatal(err)
						}
					})
				}
				if few, many := count(10), count(60); many > few {
					t.Errorf("%s, %s, %s: %v allocations for 10 steps, %v for 60", name, kind, b.Name, few, many)
				}
			}
		}
	}
}
