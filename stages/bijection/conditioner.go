package bijection

import (
	"math"
	"strconv"

	"github.com/pathline/pathline/stages/autodiff"
)

// Conditioner is the network that gives the parameters of a Univariate: widths
// of hidden layers, and what follows each.
type Conditioner struct {
	Hidden     []int
	Activation func(*autodiff.Graph, autodiff.Value) autodiff.Value
}

// activations are the names that a configuration takes.
var activations = map[string]func(*autodiff.Graph, autodiff.Value) autodiff.Value{
	"relu": (*autodiff.Graph).ReLU,
	"tanh": (*autodiff.Graph).Tanh,
	"silu": (*autodiff.Graph).SiLU,
	"gelu": (*autodiff.Graph).GELU,
	"selu": (*autodiff.Graph).SELU,
}

// weight declares layer i, name layers.i.weight [out, in] and layers.i.bias
// [out]: uniform on ±1/sqrt(in), and zero for the last, so that a flow begins as
// the identity (Kingma and Dhariwal 2018, section 3.3).
func (c Conditioner) weight(b *Builder, i, out, in int) (w, bias Value) {
	init := autodiff.Init{Bound: 1 / math.Sqrt(float64(in))}
	if i == len(c.Hidden) {
		init = autodiff.Init{}
	}
	name := "layers." + strconv.Itoa(i)
	return b.Param(name+".weight", init, out, in), b.Param(name+".bias", init, out)
}

// parameters are count parameters for each of n numbers, from h and the context.
func (c Conditioner) parameters(b *Builder, h Value, n, count int) []Value {
	if !b.Context.IsZero() {
		h = b.Concat(h, b.Context)
	}
	for i, width := range append(c.Hidden[:len(c.Hidden):len(c.Hidden)], n*count) {
		w, bias := c.weight(b, i, width, h.Shape()[0])
		if h = b.Linear(h, w, bias); i < len(c.Hidden) {
			h = c.Activation(b.Graph, h)
		}
	}
	return split(b, h, n, count)
}

// split takes [count n] apart into count values [n].
func split(b *Builder, h Value, n, count int) []Value {
	p := make([]Value, count)
	for i := range p {
		p[i] = b.Slice(h, i*n, (i+1)*n)
	}
	return p
}

var initZero = autodiff.Init{}
