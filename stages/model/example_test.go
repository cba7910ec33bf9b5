package model_test

import (
	"context"
	"fmt"

	"github.com/pathline/pathline/stages/autodiff"
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

// An author's own network is one function: a gate of the time times a layer of
// x. Its gradient, its exact divergence and its float64 form follow.
func ExampleNewNetwork() {
	init := autodiff.Init{Bound: 0.5}
	network, err := model.NewNetwork(2, func(g *autodiff.Graph, x, t autodiff.Value) autodiff.Value {
		gate := g.Sigmoid(g.Linear(t, g.Param("gate", init, 16, 1), autodiff.Value{}))
		h := g.Tanh(g.Linear(x, g.Param("in", init, 16, 2), g.Param("bias", init, 16)))
		return g.Linear(g.Mul(h, gate), g.Param("out", init, 2, 16), autodiff.Value{})
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	network.Init(random.NewKey(7, "train", "init"))
	x, v, div := []float32{1, 0, 0, 1}, make([]float32, 4), make([]float64, 2)
	err = network.Divergence(context.Background(), v, div, []float64{0.5, 0.5}, x, nil, 2, 0)
	fmt.Println(len(v), len(div), err)
	// Output:
	// 4 2 <nil>
}
