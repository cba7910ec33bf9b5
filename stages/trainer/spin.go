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
// not. One processor at least is left to those who work: where there are more
// workers than processors some, with one processor all, do not look out at all.
func (c *crew) spin(ready func() bool) bool {
	if c.spinning.Add(1) >= int32(runtime.GOMAXPROCS(0)) {
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
