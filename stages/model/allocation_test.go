//go:build !race

package model_test

import (
	"context"
	"runtime/debug"
	"testing"

	"github.com/pathline/pathline/stages/model"
)

// TestAllocation: calls allocate nothing once warm. Not with the race
// detector, under which sync.Pool forgets on purpose.
func TestAllocation(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties pools
	const rows = 200
	ctx := context.Background()
	nothing := func(name string, f func() error) {
		if n := testing.AllocsPerRun(20, func() {
			if err := f(); err != nil {
				t.Error(err)
			}
		}); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
	at, div := make([]float64, rows), make([]float64, rows)
	for hidden := range 4 {
		n := build(t, model.MLPConfig{Hidden: []int{9, 8, 7}[:hidden]}, 2)
		n.Init(1)
		x, v, grad := make([]float32, 2*rows), make([]float32, 2*rows), zeros(n)
		nothing("Eval", func() error { return n.Eval(ctx, v, at, x, rows) })
		nothing("Divergence", func() error { return n.Divergence(ctx, v, div, at, x, nil, rows, 0) })
		nothing("Divergence with probes", func() error { return n.Divergence(ctx, v, div, at, x, x, rows, 1) })
		nothing("Gradient", func() error {
			_, err := n.Gradient(ctx, grad, at, x, v, nil, rows)
			return err
		})
	}
	g := mixture(t, mixtures["tilted"], curvePath(straight))
	x, v := make([]float64, 2*rows), make([]float64, 2*rows)
	nothing("GMM Eval", func() error { return g.Eval(ctx, v, at, x, rows) })
	nothing("GMM Divergence", func() error { return g.Divergence(ctx, v, div, at, x, nil, rows, 0) })
	nothing("GMM Divergence with probes", func() error { return g.Divergence(ctx, v, div, at, x, x, rows, 1) })
	nothing("GMM LogDensity", func() error { return g.LogDensity(div, at, x, rows) })
	nothing("GMM Sample and LogProb", func() error {
		g.Sample(x, 1, 0, rows)
		g.LogProb(div, x, rows)
		return nil
	})
}
