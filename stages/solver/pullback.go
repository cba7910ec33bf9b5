package solver

import (
	"context"
	"fmt"
)

// Pullback is an optional extension of a Quadrature: its reverse mode.
//
// Pull writes, row by row, what EvalQuad would write for the same arguments and,
// for cotangents of that, the cotangents of x:
//
//	XBar = VBarᵀ (∂v/∂x) + QBarᵀ (∂q/∂x)
//
// With parameters it also adds the like sum over the rows for the parameters of
// the field to wherever the field keeps it, in the order of the rows.
type Pullback[T Float] interface {
	Quadrature[T]
	Pull(ctx context.Context, p Pull[T], parameters bool) error
}

// Pull are the arguments and the results of a call of Pullback. Slices belong to
// the caller; none may be kept.
type Pull[T Float] struct {
	Rows int

	// What EvalQuad takes: [Rows], [Rows][d], [Rows].
	T  []float64
	X  []T
	ID []int64

	// Cotangents of the slopes [Rows][d] and of the integrands [Rows][k].
	VBar []T
	QBar []float64

	// Written: the slopes, the integrands and the cotangents of X.
	V    []T
	Q    []float64
	XBar []T
}

// RowError says that a row of a solve that gradients are taken of did not arrive.
type RowError struct {
	Row    int64 // its number, State.FirstID and its place
	Status Status
}

// Error says which row and why.
func (e *RowError) Error() string {
	return fmt.Sprintf("solver: the solve of row %d ended with %s", e.Row, e.Status)
}
