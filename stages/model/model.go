package model

import (
	"context"

	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// Field is a vector field v(t, x) in T with its divergence. Safe for
// concurrent use; see solver.Field for shapes and ownership.
type Field[T solver.Float] interface {
	solver.Field[T]

	// Dim is the number of columns of x.
	Dim() int

	// Divergence writes v [rows][d] and the divergence of v with respect to x.
	// With probes == 0 it is exact: div [rows][1]. Otherwise probe is
	// [probes][rows][d] and div [rows][probes] gets zᵀ(∂v/∂x)z for each probe z
	// (Hutchinson 1990; Grathwohl et al. 2019, eq. 8).
	Divergence(ctx context.Context, v []T, div []float64, t []float64, x, probe []T, rows, probes int) error
}

// Network is a trainable field in float32.
type Network interface {
	Field[float32]

	// Tensors names the weights, in a fixed order. Data is shared: who writes it
	// calls Changed afterwards, and nobody may evaluate the network meanwhile.
	Tensors() []Tensor

	// Changed takes the weights as they are now into use: what is made of them
	// once for all rows (packed products) is made here. Its work comes in
	// independent pieces, which share may hand out to workers; a nil share does
	// them one after the other.
	Changed(share Share)

	// Init draws the weights anew and calls Changed.
	Init(key random.Key)

	// Gradient adds, to grad, the gradient of
	//
	//	sum_r weight[r] sum_i (f(t, x)[r,i] - target[r,i])²
	//
	// and returns that sum. f is the network's output. grad has one slice per
	// tensor, shaped alike. A nil weight is all ones. A nil grad computes the
	// loss alone. Rows are summed in their order, in one goroutine: callers
	// split a batch into blocks and add them up in a fixed order, so a result
	// never depends on the number of workers. Concurrent calls are allowed
	// when their grads differ.
	Gradient(ctx context.Context, grad [][]float32, t []float64, x, target []float32, weight []float32, rows int) (loss float64, err error)
}

// Share does pieces 0..pieces-1 of some work and returns when all are done. It
// does them in any order and may do them at the same time.
type Share func(pieces int, do func(piece int))

// Tensor is a named array of weights.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// Definition is a configured model before it knows its width: what `kind: model`
// gives for a model that is trained.
type Definition interface {
	// Use is the registered name, Config the resolved configuration as JSON:
	// together they are what a flow file keeps.
	Use() string
	Config() []byte
	// Build makes the network for rows of dim columns, weights zero.
	Build(dim int) (Network, error)
}

// Base is the distribution of x at t = 0. Values are float64.
type Base interface {
	// Sample writes x [rows][d], the draws of rows first..first+rows-1: a
	// row's draw depends on key and the row's number only.
	Sample(x []float64, key random.Key, first int64, rows int)
	// LogProb writes log p0(x), in nats.
	LogProb(logp []float64, x []float64, rows int)
}

// Failing is an optional extension of a Base whose numbers are made elsewhere, as
// in another process: what failed is NaN, and Err is the first failure. Whoever hands
// on what LogProb wrote asks for it.
type Failing interface {
	Base
	Err() error
}

// Failure is what a base failed with so far, or nil.
func Failure(b Base) error {
	if f, ok := b.(Failing); ok {
		return f.Err()
	}
	return nil
}

// Exact is a field known in closed form: it needs no training and brings its
// own base and columns. What `kind: model, use: gmm` gives.
type Exact interface {
	Field[float64]
	Base
	// Columns are the names of the data columns, len Dim().
	Columns() []string
}
