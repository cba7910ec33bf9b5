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
//
// A step of a small network hands over work every few ten microseconds, less
// than it takes to put a goroutine to sleep and to wake it: a worker without
// work looks out for the next run for a while before it sleeps (see spin).
type crew struct {
	helpers int
	patient bool                                // workers sleep at once, and leave the processors to others
	share   func(count int, do func(piece int)) // run, made once: a method value allocates
	ended   sync.WaitGroup

	// The work at hand. do and count are written between runs and read by those
	// who hold a piece, which a run waits for.
	do    func(piece int)
	count int
	fault atomic.Pointer[fault]

	_    line
	free atomic.Int64 // pieces that nobody has taken; below zero after some found none
	_    line
	left atomic.Int64 // pieces that are not done
	_    line

	spinning atomic.Int32 // workers that look out for work or for the end of it
	sleeping atomic.Int32 // helpers that must be woken
	waiting  atomic.Bool  // the caller must be woken
	closed   atomic.Bool
	mu       sync.Mutex // of both conditions
	work     sync.Cond  // there is work, or the crew is dismissed
	done     sync.Cond  // nothing is left
}

// line keeps what several workers write at the same time apart in their caches.
type line [64]byte

// fault is a panic on its way from a helper to the caller.
type fault struct {
	value any
	stack []byte
}

// newCrew starts workers-1 helpers; dismiss joins them.
func newCrew(workers int) *crew { return startCrew(&crew{helpers: max(workers, 1) - 1}) }

// newPatientCrew is newCrew for a network in another process: between two runs the
// crew waits for that process, which needs the processors.
func newPatientCrew(workers int) *crew {
	return startCrew(&crew{helpers: max(workers, 1) - 1, patient: true})
}

func startCrew(c *crew) *crew {
	c.share = c.run
	c.work.L, c.done.L = &c.mu, &c.mu
	c.ended.Add(c.helpers)
	for range c.helpers {
		go c.help()
	}
	return c
}

// dismiss ends the crew.
func (c *crew) dismiss() {
	c.closed.Store(true)
	c.mu.Lock()
	c.work.Broadcast()
	c.mu.Unlock()
	c.ended.Wait()
}

// run does pieces 0..count-1 and returns when all are done. A panic of a piece
// is raised again here; pieces that nobody has begun by then are left out.
func (c *crew) run(count int, do func(piece int)) {
	if c.helpers == 0 || count <= 1 {
		for i := range count {
			do(i)
		}
		return
	}
	c.do, c.count = do, count
	c.left.Store(int64(count))
	c.free.Store(int64(count))
	c.wake(count - 1)
	c.finish()
	c.await()
	if f := c.fault.Swap(nil); f != nil {
		panic(fmt.Sprintf("%v\n\nin a worker:\n%s", f.value, f.stack))
	}
}

// take gives the next piece of the run at hand, if there is one. It counts down,
// so that who gets a piece knows it before it reads count.
func (c *crew) take() (piece int, ok bool) {
	if c.free.Load() <= 0 {
		return 0, false
	}
	n := c.free.Add(-1)
	if n < 0 {
		return 0, false
	}
	return c.count - 1 - int(n), true
}

// finish works until nothing is left to take.
func (c *crew) finish() {
	for !c.pieces() {
	}
}

// pieces works until nothing is left to take or a piece panics.
func (c *crew) pieces() (through bool) {
	defer func() {
		if !through {
			c.fault.CompareAndSwap(nil, &fault{recover(), debug.Stack()})
			c.leave()
		}
	}()
	for {
		i, ok := c.take()
		if !ok {
			return true
		}
		if c.fault.Load() == nil {
			c.do(i)
		}
		c.leave()
	}
}

// leave says that a piece is done.
func (c *crew) leave() {
	if c.left.Add(-1) == 0 && c.waiting.Load() {
		c.mu.Lock()
		c.done.Signal()
		c.mu.Unlock()
	}
}

// help is a helper's life.
func (c *crew) help() {
	defer c.ended.Done()
	for {
		c.finish()
		if c.closed.Load() {
			return
		}
		if c.spin(c.called) {
			continue
		}
		// Either run sees sleeping, or this sees the run's pieces: both write
		// before they read.
		c.mu.Lock()
		c.sleeping.Add(1)
		if !c.called() {
			c.work.Wait()
		}
		c.sleeping.Add(-1)
		c.mu.Unlock()
	}
}

// wake wakes at most so many helpers.
func (c *crew) wake(helpers int) {
	if c.sleeping.Load() == 0 {
		return
	}
	c.mu.Lock()
	for range min(helpers, int(c.sleeping.Load())) {
		c.work.Signal()
	}
	c.mu.Unlock()
}

// await returns when nothing is left of the run.
func (c *crew) await() {
	if c.over() || c.spin(c.over) {
		return
	}
	c.mu.Lock()
	c.waiting.Store(true)
	for !c.over() {
		c.done.Wait()
	}
	c.waiting.Store(false)
	c.mu.Unlock()
}

// called says whether a helper has something to do.
func (c *crew) called() bool { return c.free.Load() > 0 || c.closed.Load() }

// over says whether all pieces of the run are done.
func (c *crew) over() bool { return c.left.Load() == 0 }
