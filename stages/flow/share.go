package flow

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Share calls do for all rows in pieces of at most size, on up to workers goroutines,
// 0 for as many as there are processors. All have ended when it returns. No piece
// begins after one has failed or ctx has ended; the error is that of the first piece
// that has one, else that of ctx. A panic is raised again in the caller's goroutine.
func Share(ctx context.Context, workers, rows, size int, do func(lo, hi int) error) error {
	pieces := (rows + size - 1) / size
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	workers = min(workers, pieces)
	errs, panics := make([]error, pieces), make([]any, max(workers, 1))
	var next atomic.Int64
	var stop atomic.Bool
	work := func() {
		// The look at stop is before a piece is taken: those before one that fails are
		// all done, and the error does not depend on who was first.
		for !stop.Load() && ctx.Err() == nil {
			i := int(next.Add(1)) - 1
			if i >= pieces {
				return
			}
			if errs[i] = do(i*size, min((i+1)*size, rows)); errs[i] != nil {
				stop.Store(true)
			}
		}
	}
	if workers <= 1 {
		work()
	} else {
		var wait sync.WaitGroup
		for w := range workers {
			wait.Go(func() {
				defer func() {
					if panics[w] = recover(); panics[w] != nil {
						stop.Store(true)
					}
				}()
				work()
			})
		}
		wait.Wait()
	}
	if i := slices.IndexFunc(panics, func(v any) bool { return v != nil }); i >= 0 {
		panic(panics[i])
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	if int(next.Load()) < pieces {
		return ctx.Err()
	}
	return nil
}
