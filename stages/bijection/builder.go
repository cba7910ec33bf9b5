package bijection

import (
	"math"
	"strconv"

	"github.com/pathline/pathline/stages/autodiff"
)

// Value is a value of a graph.
type Value = autodiff.Value

// Layer is a bijection of one row written on a graph: a row is a value [dim], a
// log-determinant a number. Both methods declare the same parameters.
type Layer interface {
	// Normalize builds z and log|det dz/dx| from x.
	Normalize(b *Builder, x Value) (z, logdet Value)
	// Generate builds x and log|det dx/dz| from z.
	Generate(b *Builder, z Value) (x, logdet Value)
}

// Builder is a graph on which layers write, with names for their parameters: a
// parameter that was declared is found again.
type Builder struct {
	*autodiff.Graph
	// Context is what a row is conditioned on, [width], or no value.
	Context Value

	prefix   string
	declared map[string]Value
	starts   *[]start // nil when nobody asks
}

// NewBuilder writes on a graph.
func NewBuilder(g *autodiff.Graph, context Value) *Builder {
	return &Builder{Graph: g, Context: context, declared: map[string]Value{}}
}

// Below is the builder for a part with a name: its parameters are called
// name.parameter.
func (b *Builder) Below(name string) *Builder {
	c := *b
	c.prefix += name + "."
	return &c
}

// Param declares a parameter, or finds it.
func (b *Builder) Param(name string, init autodiff.Init, shape ...int) Value {
	name = b.prefix + name
	if v, ok := b.declared[name]; ok {
		return v
	}
	v := b.Graph.Param(name, init, shape...)
	b.declared[name] = v
	return v
}

// zero is the log-determinant of a map that keeps volumes, and volume that of one that
// multiplies each of n numbers by factor.
func (b *Builder) zero() Value { return b.Fill(0) }

func (b *Builder) volume(n int, factor float64) Value { return b.Fill(float64(n) * math.Log(factor)) }

// Reversed is a layer the other way round: its Normalize is the layer's
// Generate.
type Reversed struct{ Layer Layer }

// Normalize is the layer's Generate.
func (r Reversed) Normalize(b *Builder, x Value) (z, logdet Value) { return r.Layer.Generate(b, x) }

// Generate is the layer's Normalize.
func (r Reversed) Generate(b *Builder, z Value) (x, logdet Value) { return r.Layer.Normalize(b, z) }

// Chain composes layers; the first is nearest to the data. Log-determinants add
// up (the chain rule). The parameters of layer i are called i.parameter.
type Chain []Layer

// Normalize applies the layers in their order.
func (c Chain) Normalize(b *Builder, x Value) (z, logdet Value) {
	logdet = b.zero()
	for i, l := range c {
		var d Value
		x, d = l.Normalize(b.part(i), x)
		logdet = b.Add(logdet, d)
	}
	return x, logdet
}

// Generate applies the layers from the last to the first.
func (c Chain) Generate(b *Builder, z Value) (x, logdet Value) {
	logdet = b.zero()
	for i := len(c) - 1; i >= 0; i-- {
		var d Value
		z, d = c[i].Generate(b.part(i), z)
		logdet = b.Add(logdet, d)
	}
	return z, logdet
}

// part is the builder for part i.
func (b *Builder) part(i int) *Builder { return b.Below(strconv.Itoa(i)) }
