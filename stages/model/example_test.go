package model_test

import (
	"context"
	"fmt"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
)

// A network for rows of two columns: draw its weights, evaluate it.
func ExampleNewMLP() {
	definition, err := model.NewMLP(model.MLPConfig{Hidden: []int{64, 64}, Activation: "tanh"})
	if err != nil {
		fmt.Println(err)
		return
	}
	network, err := definition.Build(2)
	if err != nil {
		fmt.Println(err)
		return
	}
	network.Init(random.NewKey(7, "train", "init"))
	for _, t := range network.Tensors()[:2] {
		fmt.Println(t.Name, t.Shape)
	}
	x, v := []float32{1, 0, 0, 1}, make([]float32, 4)
	err = network.Eval(context.Background(), v, []float64{0.5, 0.5}, x, 2)
	fmt.Println(len(v), err)
	// Output:
	// layers.0.weight [64 66]
	// layers.0.bias [64]
	// 4 <nil>
}

// The exact field of the flow from a standard normal to a normal with mean 2
// and standard deviation 0.5 along straight lines.
func ExampleNewGMM() {
	g, err := model.NewGMM(model.GMMConfig{Means: [][]float64{{2}}, Std: []float64{0.5}}, curvePath(straight))
	if err != nil {
		fmt.Println(err)
		return
	}
	x, v, div := []float64{0.7}, make([]float64, 1), make([]float64, 1)
	err = g.Divergence(context.Background(), v, div, []float64{0.5}, x, nil, 1, 0)
	fmt.Printf("%.4f %.4f %v\n", v, div, err)
	// Output:
	// [2.3600] [-1.2000] <nil>
}
