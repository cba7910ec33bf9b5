package remote

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// blockRows is how many rows of a call one worker computes at a time: as many as
// a solver moves together in one process.
const blockRows = 256

// share does pieces 0..count-1, on as many goroutines as the instance has
// threads, and returns when all are done. A panic of a piece is raised again
// here.
func (p *peer) share(count int, do func(piece int)) {
	workers := p.threads
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	if workers = min(workers, count); workers <= 1 {
		for i := range count {
			do(i)
		}
		return
	}
	var next atomic.Int64
	var fault atomic.Pointer[string]
	work := func() {
		defer func() {
			if v := recover(); v != nil {
				s := fmt.Sprintf("%v\n\nin a worker:\n%s", v, debug.Stack())
				fault.CompareAndSwap(nil, &s)
			}
		}()
		for fault.Load() == nil {
			i := int(next.Add(1)) - 1
			if i >= count {
				return
			}
			do(i)
		}
	}
	var all sync.WaitGroup
	for range workers - 1 {
		all.Go(work)
	}
	work()
	all.Wait()
	if s := fault.Load(); s != nil {
		panic(*s)
	}
}

// blocks does rows block by block, each at its place, and gives the error of the
// first block that has one. A single caller of something far away does not cut.
func (p *peer) blocks(rows int, whole bool, do func(lo, hi int) error) error {
	if whole || rows <= blockRows {
		return do(0, rows)
	}
	errs := make([]error, (rows+blockRows-1)/blockRows)
	p.share(len(errs), func(i int) {
		errs[i] = do(i*blockRows, min((i+1)*blockRows, rows))
	})
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
