package flow_test

import (
	"runtime/debug"
	"testing"

	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/solver"
)

// TestNoiseTakesNoMemory: steps with noise allocate nothing, in either width.
func TestNoiseTakesNoMemory(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties pools
	if raceEnabled {
		t.Skip("sync.Pool drops memory at random under the race detector")
	}
	m := &solver.Method{Tableau: solver.Heun(), Options: solver.Options{Steps: 10, Stochastic: true}}
	d := flow.Diffusion{Use: flow.DiffusionSigma, Scale: 1}
	exact, err := flow.Open(flow.Source{Exact: mixture(t, path.CondOT{})}, registry())
	if err != nil {
		t.Fatal(err)
	}
	wide, err := exact.Stochastic(d, m, 3)
	if err != nil {
		t.Fatal(err)
	}
	_, n := trained(t)
	description, _ := small()
	f, err := flow.New(description, n.Tensors(), registry())
	if err != nil {
		t.Fatal(err)
	}
	narrow, err := f.Stochastic(d, m, 3)
	if err != nil {
		t.Fatal(err)
	}
	noNew(t, wide.Field64.(solver.Stochastic[float64]))
	noNew(t, narrow.Field32.(solver.Stochastic[float32]))
}

func noNew[T solver.Float](t *testing.T, f solver.Stochastic[T]) {
	t.Helper()
	const rows = 9
	dw, id := make([]T, 2*rows), make([]int64, rows)
	if n := testing.AllocsPerRun(100, func() {
		if err := f.Noise(t.Context(), dw, 0.3, 0.4, 3, nil, id, rows); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%T: %v allocations", f, n)
	}
}
