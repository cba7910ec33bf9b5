package coupling

import "context"

// Interruptible is an optional extension of a [Coupling]: it looks at a context
// while it pairs, which takes hours for many rows. All couplings here but
// [Independent], which takes no time, have it.
type Interruptible interface {
	Coupling
	// PairContext is Pair, or Draw where u is not nil, as it is only for a [Drawing].
	// Soon after ctx has ended it ends with its error.
	PairContext(ctx context.Context, index []int32, x0, x1 []float32, rows, dim int, u []float64) error
}

// PairContext pairs with c, which ends with ctx where it is [Interruptible]: it is
// Draw where u is not nil, c being a [Drawing] then, and else Pair.
func PairContext(ctx context.Context, c Coupling, index []int32, x0, x1 []float32, rows, dim int, u []float64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if i, ok := c.(Interruptible); ok {
		return i.PairContext(ctx, index, x0, x1, rows, dim, u)
	}
	if u != nil {
		return c.(Drawing).Draw(index, x0, x1, rows, dim, u)
	}
	return c.Pair(index, x0, x1, rows, dim)
}

// between is how many rows of costs are gone through from one look at a context to
// the next.
const between = 256

// ended looks at a context at some of the rows.
func ended(ctx context.Context, row int) error {
	if row%between != 0 {
		return nil
	}
	return ctx.Err()
}
