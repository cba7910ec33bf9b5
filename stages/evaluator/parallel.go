package evaluator

import (
	"context"
	"sync"
	"sync/atomic"
)

// each calls f(0) .. f(n-1), each once, on up to workers goroutines, all of
// which have ended when it returns. f(i) writes to places of its own.
func each(ctx context.Context, workers, n int, f func(i int)) error {
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(workers, n) {
		wait.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				f(i)
			}
		})
	}
	wait.Wait()
	return ctx.Err()
}
