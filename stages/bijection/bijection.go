package bijection

import (
	"context"
	"fmt"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// Bijection is an invertible map between data and base, for rows [rows][Dim()]
// of T. Both directions add their log-determinant to logdet [rows], in nats; a
// nil logdet is not wanted. Arguments and results do not overlap. Safe for
// concurrent use.
type Bijection[T solver.Float] interface {
	// Dim is the number of columns of a row, conditions included; see [Conditional].
	Dim() int
	// Normalize writes z = f⁻¹(x) and adds log|det dz/dx|.
	Normalize(ctx context.Context, z, x []T, logdet []float64, rows int) error
	// Generate writes x = f(z) and adds log|det dx/dz|.
	Generate(ctx context.Context, x, z []T, logdet []float64, rows int) error
}

// Trainable is a bijection in float32 with a base and weights.
type Trainable interface {
	Bijection[float32]
	Weights

	// Base is the distribution of Normalize(x), without the conditions, with the
	// present weights where it is learned.
	Base() model.Base

	// Gradient adds, to grad, the gradient of
	//
	//	sum_r weight[r] (-log p(x[r]))
	//
	// and returns that sum, in nats. grad has one slice per tensor; nil computes
	// the loss alone. loss [rows], when it is not nil, gets the terms without
	// their weights. A nil weight is all ones. Rows are summed in their order, in
	// one goroutine. Concurrent calls are allowed when their grads differ.
	Gradient(ctx context.Context, grad [][]float32, loss []float64, x, weight []float32, rows int) (float64, error)
}

// Weights are what a trainer changes; see model.Network for each.
type Weights interface {
	Tensors() []model.Tensor
	Changed(share model.Share)
	Init(key random.Key)
}

// Started is an optional extension of a Trainable: layers whose first weights
// depend on data (actnorm) take them from rows x [rows][Dim()]. It is called
// after Init and before the first step.
type Started interface {
	Start(ctx context.Context, x []float32, rows int) error
}

// Sparse is an optional extension of a Trainable that promises zeros of the Jacobian
// dz/dx: column i of Normalize(x) depends on the columns Depends()[i] of x alone, for
// any weights.
type Sparse interface {
	Trainable
	Depends() [][]int
}

// Distant says whether a call of b costs a call to somewhere else: such a bijection
// has a method Distant that says true. It is asked for as many rows as possible at a
// time.
func Distant[T solver.Float](b Bijection[T]) bool {
	d, ok := b.(interface{ Distant() bool })
	return ok && d.Distant()
}

// Definition is a configured model before it knows its width: what `kind:
// model` gives for a discrete flow.
type Definition interface {
	// Use is the registered name, Config the resolved configuration as JSON:
	// together they are what a flow file keeps.
	Use() string
	Config() []byte
	// Bijection makes the network for rows of dim columns, weights zero.
	Bijection(dim int) (Trainable, error)
}

// Conditional is an optional extension of a Definition: its bijections take
// conditions, columns that are held, as those of model.Conditional.
type Conditional interface {
	Definition
	// BijectionHeld makes the network for rows of dim columns and, behind them, held
	// columns of conditions c; weights zero. It has Dim() = dim + held, and is a
	// bijection of whole rows (x, c) that keeps c: its log-determinant is that of x
	// given c, and log p(x | c) = log p0(z) + log|det dz/dx|. model.Held says how
	// many it holds.
	BijectionHeld(dim, held int) (Trainable, error)
}

// Build makes the network of a definition for rows of dim columns and held columns
// of conditions behind them. A definition that takes no conditions is an error when
// there are some.
func Build(d Definition, dim, held int) (Trainable, error) {
	if held == 0 {
		return d.Bijection(dim)
	}
	c, ok := d.(Conditional)
	if !ok {
		return nil, fmt.Errorf("bijection: %s takes no conditions, and the rows have some", d.Use())
	}
	return c.BijectionHeld(dim, held)
}
