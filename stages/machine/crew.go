package machine

import (
	"runtime"
	"sync"
)

// crew is goroutines that wait for work. A product of small matrices takes less
// time than putting a goroutine to sleep and waking it, so who waits looks out
// for a while before it sleeps.
type crew struct {
	work []chan func(i int) // one for each goroutine
	done chan struct{}
	wait sync.WaitGroup
}

// newCrew starts n-1 goroutines; the caller is the first worker.
func newCrew(n int) *crew {
	c := &crew{work: make([]chan func(int), n-1), done: make(chan struct{}, n)}
	for i := range c.work {
		c.work[i] = make(chan func(int), 1)
		c.wait.Go(func() {
			for do, ok := receive(c.work[i]); ok; do, ok = receive(c.work[i]) {
				do(i + 1)
				c.done <- struct{}{}
			}
		})
	}
	return c
}

// each calls do for 0..n-1, each in a worker of its own, and returns when all
// have.
func (c *crew) each(do func(i int)) {
	for _, w := range c.work {
		w <- do
	}
	do(0)
	for range c.work {
		receive(c.done)
	}
}

// close ends the goroutines.
func (c *crew) close() {
	for _, w := range c.work {
		close(w)
	}
	c.wait.Wait()
}

// looks is how often an empty channel is looked at before sleep, some hundred
// microseconds.
const looks = 1 << 16

func receive[T any](from <-chan T) (v T, ok bool) {
	for i := range looks {
		select {
		case v, ok = <-from:
			return v, ok
		default:
			if i%1024 == 1023 {
				runtime.Gosched()
			}
		}
	}
	v, ok = <-from
	return v, ok
}
