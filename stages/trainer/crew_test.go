package trainer

import (
	"strings"
	"sync/atomic"
	"testing"
)

func TestCrewDoesEveryPieceOnce(t *testing.T) {
	for _, workers := range []int{0, 1, 2, 7} {
		c := newCrew(workers)
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
	for _, workers := range []int{1, 4} {
		c := newCrew(workers)
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
