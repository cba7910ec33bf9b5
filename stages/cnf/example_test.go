package cnf_test

import (
	"context"
	"fmt"

	"github.com/pathline/pathline/stages/cnf"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/solver"
)

// A field that begins at zero is the identity: its likelihood is that of the base, and
// its gradient says how to move.
func Example() {
	m, err := model.NewMLP(model.MLPConfig{Hidden: []int{}, Time: model.TimeConfig{Use: "concat"}})
	if err != nil {
		panic(err)
	}
	net, err := m.Build(1) // v = w x + w' t + b
	if err != nil {
		panic(err)
	}
	f := net.(model.Reversible[float32])
	g, err := cnf.New(f, cnf.Loss{
		Base:   flow.Normal{Dim: 1, Std: 1},
		Solver: &solver.Method{Tableau: solver.RK4(), Options: solver.Options{Steps: 10}},
	})
	if err != nil {
		panic(err)
	}
	grad := [][]float32{make([]float32, 2), make([]float32, 1)}
	x := []float32{1, 3} // both to the right of the base
	sums, err := g.Add(context.Background(), grad, nil, x, nil, 0, 2)
	if err != nil {
		panic(err)
	}
	fmt.Printf("-log p: %.4f\n", sums.NLL)
	fmt.Printf("its derivative for b: %.4f\n", grad[1][0])
	// Output:
	// -log p: 6.8379
	// its derivative for b: -4.0000
}
