package coupling

import (
	"context"
	"sync"
)

// Optimal pairs the rows of a batch so that the sum of squared Euclidean
// distances is least: the 2-Wasserstein optimal transport between the two
// empirical distributions, which for equally many rows of equal weight is a
// permutation (Birkhoff's theorem). It takes memory for 2 rows² float32 and, in
// the worst case, time that grows with rows³.
//
// References: Jonker and Volgenant 1987 (the algorithm); Pooladian et al. 2023 and
// Tong et al. 2024 (its use in flow matching).
type Optimal struct {
	pool  *sync.Pool
	scope Scope
}

// NewOptimal makes the coupling; it keeps memory between batches.
func NewOptimal() Optimal {
	return Optimal{pool: &sync.Pool{New: func() any { return new(assignment) }}}
}

// Pair implements [Coupling]. A row whose distances are not finite is an error
// that names it.
func (o Optimal) Pair(index []int32, x0, x1 []float32, rows, dim int) error {
	return o.PairContext(context.Background(), index, x0, x1, rows, dim, nil)
}

// PairContext implements [Interruptible]; it draws nothing.
func (o Optimal) PairContext(ctx context.Context, index []int32, x0, x1 []float32, rows, dim int, _ []float64) error {
	if len(index) != rows || len(x0) != rows*dim || len(x1) != rows*dim {
		panic("coupling: slices of other lengths than rows and dim")
	}
	return o.solved(ctx, index, x0, x1, rows, dim, func(*assignment) {})
}

// solved pairs the rows and hands over the assignment, whose memory is kept for later
// batches.
func (o Optimal) solved(ctx context.Context, index []int32, x0, x1 []float32, rows, dim int, look func(a *assignment)) error {
	if rows == 0 {
		return nil
	}
	a := o.pool.Get().(*assignment)
	defer o.pool.Put(a)
	a.resize(rows)
	if err := a.squares(ctx, x1, x0, dim); err != nil {
		return err
	}
	if err := a.solve(ctx); err != nil {
		return err
	}
	copy(index, a.col)
	look(a)
	return nil
}
