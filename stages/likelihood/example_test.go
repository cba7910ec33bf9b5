package likelihood_test

import (
	"context"
	"fmt"

	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/likelihood"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/solver"
)

// A row is made together with its log-density, and scored again.
func ExampleGenerate() {
	g, err := model.NewGMM(model.GMMConfig{Means: [][]float64{{-1, 0}, {1, 0}}, Std: []float64{0.5, 0.2}}, path.CondOT{})
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := flow.Open(flow.Source{Exact: g}, flow.Registry{})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := &solver.Method{Tableau: solver.Dop853(), Options: solver.Options{Rtol: 1e-10, Atol: 1e-10}}
	x := []float64{0.3, -0.4} // a draw of the base
	made, scored := make([]float64, 1), make([]float64, 1)
	if _, err := likelihood.Generate(context.Background(), f, s, x, made, nil, 0, 1, likelihood.Trace{}); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := likelihood.LogProb(context.Background(), f, s, scored, nil, x, 0, 1, likelihood.Trace{}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("row %.4f has log p = %.6f, scored %.6f\n", x, made[0], scored[0])
	// Output: row [0.8675 -0.0851] has log p = 0.378095, scored 0.378095
}
