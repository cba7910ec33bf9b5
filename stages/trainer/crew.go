package trainer

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// crew is a fixed number of workers that do numbered pieces of work. Which
// worker does which piece changes from run to run, so pieces must not depend
// on each other and must be cut alike for every number of workers. The caller
// works too: a crew of one has no goroutine.
type crew struct {
	helpers int
	start   chan struct{} // one token for each helper that shall look for work
	ended   sync.WaitGroup

	// The work at hand.
	do    func(piece int)
	count int64
	next  atomic.Int64
	busy  sync.WaitGroup
	fault atomic.Pointer[fault]
}

// fault is a panic on its way from a helper to the caller.
type fault struct {
	value any
	stack []byte
}

// newCrew starts workers-1 helpers; dismiss joins them.
func newCrew(workers int) *crew {
	c := &crew{helpers: max(workers, 1) - 1, start: make(chan struct{})}
	c.ended.Add(c.helpers)
	for range c.helpers {
		go func() {
			defer c.ended.Done()
			for range c.start {
				c.work()
				c.busy.Done()
			}
		}()
	}
	return c
}

// dismiss ends the crew.
func (c *crew) dismiss() {
	close(c.start)
	c.ended.Wait()
}

// run does pieces 0..count-1 and returns when all are done. A panic of a piece
// is raised again here.
func (c *crew) run(count int, do func(piece int)) {
	c.do, c.count = do, int64(count)
	c.next.Store(0)
	helpers := min(c.helpers, count-1)
	for range helpers {
		c.busy.Add(1)
		c.start <- struct{}{}
	}
	c.work()
	c.busy.Wait()
	if f := c.fault.Swap(nil); f != nil {
		panic(fmt.Sprintf("%v\n\nin a worker:\n%s", f.value, f.stack))
	}
}

func (c *crew) work() {
	defer func() {
		if v := recover(); v != nil {
			c.fault.CompareAndSwap(nil, &fault{v, debug.Stack()})
		}
	}()
	for {
		i := c.next.Add(1) - 1
		if i >= c.count {
			return
		}
		c.do(int(i))
	}
}
