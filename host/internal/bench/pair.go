package bench

import (
	"context"
	"fmt"

	"github.com/pathline/pathline/stages/coupling"
)

// peersSinkhorn are the plan and the stopping rule that Python's libraries have of
// themselves: OTT's, and 0.05 of the greatest cost.
var peersSinkhorn = coupling.SinkhornOptions{Reg: 0.05, Relative: true, Tolerance: 1e-3, Iterations: 2000}

// pair is W4: noise and data of a batch are paired, costs included; batches of the
// files in turn, as many as they hold, up to 16.
func pair(net string, rows int, c coupling.Coupling) func(context.Context, *session) ([]Result, error) {
	return func(ctx context.Context, s *session) ([]Result, error) {
		inputs, err := readArrays(s.Data, "inputs")
		if err != nil {
			return nil, err
		}
		dim := named[net].dim
		x0, x1 := inputs["x0_"+net].float32s(), inputs["x1_"+net].float32s()
		batches := min(16, len(x1)/dim/rows)
		index := make([]int32, rows)
		next := 0
		t, err := measure(ctx, s, clock(func() error {
			from, to := next*rows*dim, (next+1)*rows*dim
			next = (next + 1) % batches
			return c.Pair(index, x0[from:to], x1[from:to], rows, dim)
		}))
		if err != nil {
			return nil, err
		}
		for i := range t {
			t[i] *= 1e3
		}
		r := t.seconds(Result{Params: fmt.Sprintf("d=%d batch=%d", dim, rows), Metric: "pair"}, 0)
		r.Unit = "ms"
		return []Result{r}, nil
	}
}
