package trainer

import (
	"fmt"
	"iter"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// crews are those that look out for work and those that sleep, of every size.
func crews(workers ...int) iter.Seq2[int, *crew] {
	return func(yield func(int, *crew) bool) {
		for _, n := range workers {
			if !yield(n, newCrew(n)) || !yield(n, newPatientCrew(n)) {
				return
			}
		}
	}
}

func TestCrewDoesEveryPieceOnce(t *testing.T) {
	for workers, c := range crews(0, 1, 2, 7) {
		for _, count := range []int{0, 1, 3, 100} {
			done := make([]atomic.Int32, count)
			c.run(count, func(i int) { done[i].Add(1) })
			for i := range done {
				if n := done[i].Load(); n != 1 {
					t.Errorf("%d workers: piece %d of %d was done %d times", workers, i, count, n)
				}
			}
		}
		c.dismiss()
	}
}

func TestPanicOfAWorkerReachesTheCaller(t *testing.T) {
	for workers, c := range crews(1, 4) {
		func() {
			defer func() {
				if v, ok := recover().(string); !ok || !strings.HasPrefix(v, "no such luck") {
					t.Errorf("%d workers: recovered %v", workers, v)
				}
			}()
			c.run(50, func(i int) {
				if i == 17 {
					panic("no such luck")
				}
			})
		}()
		c.run(3, func(int) {}) // still at work
		c.dismiss()
	}
}

// Runs that follow each other at once must not take each other's pieces.
func TestManyShortRuns(t *testing.T) {
	const runs = 3000
	for workers, c := range crews(2, 3, 8) {
		var sum, want int64
		done := make([]atomic.Int64, 5)
		for r := range runs {
			count := 1 + r%5
			c.run(count, func(i int) { done[i].Add(int64(r)) })
			for i := range count {
				want += int64(r)
				sum += done[i].Swap(0)
			}
			if sum != want {
				t.Fatalf("%d workers, run %d of %d pieces: sum %d, not %d", workers, r, count, sum, want)
			}
		}
		c.dismiss()
	}
}

func TestMoreWorkersThanProcessors(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, processors := range []int{1, 2} {
		runtime.GOMAXPROCS(processors)
		c := newCrew(8)
		var done atomic.Int64
		for range 500 {
			c.run(20, func(int) { done.Add(1) })
		}
		if n := done.Load(); n != 500*20 {
			t.Errorf("%d processors: %d pieces of %d", processors, n, 500*20)
		}
		c.dismiss()
	}
}

// As many workers as there are processors look out for work, and with one
// processor none.
func TestSpinners(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for processors := 1; processors <= 4; processors++ {
		runtime.GOMAXPROCS(processors)
		c := newCrew(1)
		most := processors
		if processors == 1 {
			most = 0
		}
		looks := 0
		c.spinning.Add(int32(most))
		if c.spin(func() bool { looks++; return false }) || looks != 1 {
			t.Errorf("%d processors: one more looks %d times", processors, looks)
		}
		if most == 0 {
			continue
		}
		c.spinning.Add(-1)
		looks = 0
		if c.spin(func() bool { looks++; return false }) || looks <= spinRounds {
			t.Errorf("%d processors: looks %d times before it sleeps", processors, looks)
		}
		if n := c.spinning.Load(); int(n) != most-1 {
			t.Errorf("%d processors: %d still spin", processors, n)
		}
	}
}

// A crew without work sleeps, all of it, and is woken by the next run.
func TestIdleCrewSleeps(t *testing.T) {
	c := newCrew(4)
	defer c.dismiss()
	for range 20 {
		for c.sleeping.Load() != 3 || c.spinning.Load() != 0 {
			runtime.Gosched()
		}
		var together sync.WaitGroup // passes when all four are at work
		together.Add(4)
		c.run(4, func(int) { together.Done(); together.Wait() })
	}
}

// BenchmarkHandOver is the cost of a run whose pieces do nothing.
func BenchmarkHandOver(b *testing.B) {
	for _, workers := range []int{1, 2, 4} {
		for _, pieces := range []int{2, 4, 16} {
			b.Run(fmt.Sprintf("workers=%d/pieces=%d", workers, pieces), func(b *testing.B) {
				c := newCrew(workers)
				defer c.dismiss()
				b.ReportAllocs()
				for range b.N {
					c.run(pieces, func(int) {})
				}
			})
		}
	}
}
