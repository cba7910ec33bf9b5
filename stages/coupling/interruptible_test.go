package coupling

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
)

// counted ends after a number of looks at it.
type counted struct {
	context.Context
	left *int
}

func (c counted) Err() error {
	if *c.left--; *c.left < 0 {
		return context.Canceled
	}
	return nil
}

// Pairing ends wherever its context does, and leaves nothing behind: the rows have
// the same pairs the next time, in the memory that was left.
func TestPairingEndsWithItsContext(t *testing.T) {
	const rows, dim = 600, 2 // enough for duals of a plan
	u := even(rows)
	for name, c := range map[string]Interruptible{
		"ot":       NewOptimal(),
		"sinkhorn": NewSinkhorn(SinkhornOptions{Reg: 0.01, Relative: true, Tolerance: 1e-4, Iterations: 1e4}),
		"sharp":    NewSinkhorn(SinkhornOptions{Reg: 0.5, Tolerance: 1e-2, Iterations: 1e5}), // absorbs
	} {
		x0, x1 := clouds(rows, dim, 3)
		for _, u := range [][]float64{nil, u} {
			if _, draws := c.(Drawing); u != nil && !draws {
				continue
			}
			want, got := make([]int32, rows), make([]int32, rows)
			left := math.MaxInt
			ctx := counted{context.Background(), &left}
			if err := PairContext(ctx, c, want, x0, x1, rows, dim, u); err != nil {
				t.Fatal(err)
			}
			looks := math.MaxInt - left
			if looks < 20 {
				t.Errorf("%s looks %d times", name, looks)
			}
			for after := 0; after < looks; after += max(1, looks/23) {
				if left = after; !errors.Is(PairContext(ctx, c, got, x0, x1, rows, dim, u), context.Canceled) {
					t.Errorf("%s: goes on after look %d of %d", name, after, looks)
				}
				left = math.MaxInt
				if err := PairContext(ctx, c, got, x0, x1, rows, dim, u); err != nil || !slices.Equal(got, want) {
					t.Fatalf("%s: other pairs after one that ended at look %d of %d, error %v", name, after, looks, err)
				}
			}
		}
	}
	// One that does not look is not asked when it is too late.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	index := []int32{-1}
	if err := PairContext(ctx, Independent{}, index, []float32{0}, []float32{1}, 1, 1, nil); !errors.Is(err, context.Canceled) || index[0] != -1 {
		t.Errorf("error %v, pairs %v", err, index)
	}
}
