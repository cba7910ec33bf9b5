package bijection

import (
	"math"
	"strconv"

	"github.com/pathline/pathline/stages/autodiff"
)

// Convolution is a convolutional network of an image [Height Width, c]: kernels of
// 3 x 3 first and last and of 1 x 1 between them, of which the last begins as zero
// (Kingma and Dhariwal 2018, section 3.3 and appendix B).
type Convolution struct {
	Height, Width int
	Hidden        []int // channels of the hidden layers
	Activation    func(*autodiff.Graph, autodiff.Value) autodiff.Value
}

// parameters implements Conditioning. Each place has the context beside it, or what is
// of it in a context [Height Width, width].
func (c Convolution) parameters(b *Builder, h Value, n, count int) []Value {
	_, places := lastAxis(h)
	if !b.Context.IsZero() {
		h = b.Concat(h, atPlaces(b, b.Context, places))
	}
	for i, width := range append(c.Hidden[:len(c.Hidden):len(c.Hidden)], n*count) {
		in, _ := lastAxis(h)
		kernel := 1
		if i == 0 || i == len(c.Hidden) {
			kernel = 3
		}
		in *= kernel * kernel
		init := autodiff.Init{Bound: 1 / math.Sqrt(float64(in))}
		if i == len(c.Hidden) {
			init = initZero
		}
		name := "layers." + strconv.Itoa(i)
		h = b.Conv2D(h, b.Param(name+".weight", init, width, in), b.Param(name+".bias", init, width), c.Height, c.Width, kernel, kernel)
		if i < len(c.Hidden) {
			h = c.Activation(b.Graph, h)
		}
	}
	return split(b, h, n, count)
}

// atPlaces is a context of a row beside each place, and one of places as it is.
func atPlaces(b *Builder, context Value, places int) Value {
	if len(context.Shape()) == 2 {
		return context
	}
	return b.Broadcast(context, 0, places)
}
