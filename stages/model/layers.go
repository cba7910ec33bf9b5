package model

import (
	"math"

	"github.com/pathline/pathline/stages/autodiff"
)

// activations are the names that a configuration takes.
var activations = map[string]func(*autodiff.Graph, autodiff.Value) autodiff.Value{
	"silu":     (*autodiff.Graph).SiLU,
	"relu":     (*autodiff.Graph).ReLU,
	"tanh":     (*autodiff.Graph).Tanh,
	"gelu":     (*autodiff.Graph).GELU,
	"selu":     (*autodiff.Graph).SELU,
	"softplus": (*autodiff.Graph).Softplus,
}

// dense is a layer x Wᵀ + b with the parameters name.weight and name.bias, both
// drawn uniformly from ±1/sqrt(in), as PyTorch's Linear does.
func dense(g *autodiff.Graph, name string, x autodiff.Value, out int) autodiff.Value {
	in := x.Shape()[0]
	return layer(g, name, x, out, autodiff.Init{Bound: 1 / math.Sqrt(float64(in))})
}

// zeroDense is a layer that begins at zero.
func zeroDense(g *autodiff.Graph, name string, x autodiff.Value, out int) autodiff.Value {
	return layer(g, name, x, out, autodiff.Init{})
}

// linear is a layer x Wᵀ without a bias, drawn as dense is: what is zero stays
// zero.
func linear(g *autodiff.Graph, name string, x autodiff.Value, out int) autodiff.Value {
	in := x.Shape()[0]
	return g.Linear(x, g.Param(name+".weight", autodiff.Init{Bound: 1 / math.Sqrt(float64(in))}, out, in), autodiff.Value{})
}

// embedded are conditions through a learned linear layer of some width, or as
// they are when that is 0. A category, one column of which is 1, is then its
// column of the weights, and conditions that are absent, all zero, stay so.
func embedded(g *autodiff.Graph, c autodiff.Value, width int) autodiff.Value {
	if width == 0 {
		return c
	}
	return linear(g, "embedding", c, width)
}

// embeddedWidth is the width of embedded.
func embeddedWidth(held, width int) int {
	if held == 0 || width == 0 {
		return held
	}
	return width
}

func layer(g *autodiff.Graph, name string, x autodiff.Value, out int, init autodiff.Init) autodiff.Value {
	in := x.Shape()[0]
	return g.Linear(x, g.Param(name+".weight", init, out, in), g.Param(name+".bias", init, out))
}
