package autodiff_test

import (
	"fmt"

	"github.com/pathline/pathline/stages/autodiff"
)

// A network in a few lines; its exact divergence in one more.
func Example() {
	g := autodiff.New()
	x, t := g.Input("x", 2), g.Time("t", 1)
	h := g.Tanh(g.Linear(g.Concat(x, t), g.Param("w", autodiff.Init{}, 2, 3), g.Param("b", autodiff.Init{}, 2)))
	v := g.Linear(h, g.Param("out", autodiff.Init{}, 2, 2), autodiff.Value{})
	div := g.Divergence(v, x)

	p, err := autodiff.Compile(g, v, div)
	if err != nil {
		fmt.Println(err)
		return
	}
	weights := [][]float32{{1, 0, 0, 0, 1, 0}, {0, 0}, {2, 0, 0, 2}} // w, b, out
	b, err := p.Bind(weights)
	if err != nil {
		fmt.Println(err)
		return
	}
	values, divergences := make([]float32, 4), make([]float32, 2)
	b.Call(2, true, [][]float32{{0, 0, 1, -1}, {0.5, 0.5}}, [][]float32{values, divergences})
	fmt.Printf("%.4f %.4f\n", values, divergences)
	// Output:
	// [0.0000 0.0000 1.5232 -1.5232] [4.0000 1.6799]
}

// The gradient of a loss for the parameters is the sum over rows, added to what
// is there.
func ExampleGraph_Gradient() {
	g := autodiff.New()
	x, y := g.Input("x", 1), g.Input("y", 1)
	e := g.Sub(g.Mul(x, g.Param("slope", autodiff.Init{}, 1)), y)
	loss := g.Square(e)
	p, err := autodiff.Compile(g, append([]autodiff.Value{loss}, g.Gradient(loss)...)...)
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := p.Bind([][]float32{{1}})
	if err != nil {
		fmt.Println(err)
		return
	}
	losses, slope := make([]float32, 3), make([]float32, 1)
	b.Call(3, false, [][]float32{{1, 2, 3}, {2, 4, 6}}, [][]float32{losses, slope})
	fmt.Println(losses, slope)
	// Output:
	// [1 4 9] [-28]
}
