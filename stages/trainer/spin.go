package trainer

import (
	"runtime"
	"time"

	"github.com/pathline/pathline/stages/internal/kernel/pause"
)

// A worker looks out for work for spinTime: longer than the gaps within a step
// of a small network and than most waits for another's last piece, and nothing
// beside the time that it takes to sleep and to be woken many times over. It
// looks at the clock after spinRounds rounds of pauses, because a pause takes
// from 5 to 50 ns; after spinYield looks it lets other goroutines have the
// processor.
const (
	spinTime   = 200 * time.Microsecond
	spinPauses = 2
	spinRounds = 32
	spinYield  = 8
)

// spin looks at ready until it says yes, for a bounded time; false when it has
// not. No more workers than processors do so, and none where there is one
// processor only. (All processors, not all but one: the caller still looks out
// for the end of a run when the worker that has ended it begins to look out for
// the next.)
func (c *crew) spin(ready func() bool) bool {
	if c.patient {
		return ready()
	}
	processors := runtime.GOMAXPROCS(0)
	if n := c.spinning.Add(1); int(n) > processors || processors == 1 {
		c.spinning.Add(-1)
		return ready()
	}
	defer c.spinning.Add(-1)
	began := time.Now()
	for look := 1; ; look++ {
		for range spinRounds {
			if ready() {
				return true
			}
			pause.Spin(spinPauses)
		}
		if time.Since(began) > spinTime {
			return ready()
		}
		if look%spinYield == 0 {
			runtime.Gosched()
		}
	}
}
