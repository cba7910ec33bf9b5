package flow_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/pathline/pathline/stages/flow"
)

func TestShare(t *testing.T) {
	for _, workers := range []int{0, 1, 3, 100} {
		times := make([]int, 1000)
		if err := flow.Share(t.Context(), workers, 1000, 7, func(lo, hi int) error {
			for i := lo; i < hi; i++ {
				times[i]++
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for i, n := range times {
			if n != 1 {
				t.Fatalf("%d workers: row %d was done %d times", workers, i, n)
			}
		}
	}
}

// The error is that of the first piece, whoever comes to one first, and rows behind it
// are left alone.
func TestShareStopsAtErrors(t *testing.T) {
	for _, workers := range []int{1, 3} {
		last := make([]bool, 10_000)
		err := flow.Share(t.Context(), workers, len(last), 1, func(lo, _ int) error {
			last[lo] = true
			if lo >= 50 {
				return fmt.Errorf("row %d", lo)
			}
			return nil
		})
		if err == nil || err.Error() != "row 50" {
			t.Errorf("%d workers: %v", workers, err)
		}
		if last[len(last)-1] {
			t.Errorf("%d workers: went on behind an error", workers)
		}
	}
}

func TestShareEnds(t *testing.T) {
	for _, workers := range []int{1, 3} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		err := flow.Share(ctx, workers, 10_000, 1, func(lo, _ int) error {
			if lo == 9_999 {
				t.Error("went on behind the end of its context")
			}
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%d workers: %v", workers, err)
		}
	}
}

// What do panics with is raised where a caller can recover from it.
func TestSharePanics(t *testing.T) {
	for _, workers := range []int{1, 4} {
		func() {
			defer func() {
				if v := recover(); v != "thrown" {
					t.Errorf("%d workers: recovered %v", workers, v)
				}
			}()
			_ = flow.Share(t.Context(), workers, 100, 1, func(int, int) error { panic("thrown") })
		}()
	}
}
