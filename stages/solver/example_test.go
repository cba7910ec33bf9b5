package solver_test

import (
	"context"
	"fmt"

	"github.com/pathline/pathline/stages/solver"
)

// Example solves y' = -y for two rows, with adaptive steps.
func Example() {
	m := &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1e-8, Atol: 1e-8}}
	state := solver.State[float64]{X: []float64{1, 100}, Rows: 2, Dim: 1}
	report, err := m.Solve64(context.Background(), decay{}, state, 0, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	for r := range state.Rows {
		fmt.Printf("%.6f %v\n", state.X[r], report.Status[r])
	}
	// Output:
	// 0.367879 ok
	// 36.787944 ok
}
