package evaluator

import (
	"context"

	"github.com/pathline/pathline/stages/flow"
)

// each calls f(0) .. f(n-1), each once, on up to workers goroutines; see flow.Share.
// f(i) writes to places of its own.
func each(ctx context.Context, workers, n int, f func(i int)) error {
	return flow.Share(ctx, workers, n, 1, func(lo, _ int) error {
		f(lo)
		return nil
	})
}
