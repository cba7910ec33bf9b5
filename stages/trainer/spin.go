package trainer

import (
	"runtime"

	"github.com/pathline/pathline/stages/internal/kernel/pause"
)

// A worker looks out for work for rounds times pauses, some 50 µs: longer than
// any gap within a step, and nothing beside the step that it ends. After every
// few rounds it lets other goroutines have the processor.
const (
	spinRounds = 1000
	spinPauses = 2
	spinYield  = 64
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
	for round := range spinRounds {
		if ready() {
			return true
		}
		if round%spinYield == spinYield-1 {
			runtime.Gosched()
		} else {
			pause.Spin(spinPauses)
		}
	}
	return ready()
}
