package machine

import (
	"sync"
	"time"

	"github.com/pathline/pathline/stages/internal/kernel"
	"github.com/pathline/pathline/stages/internal/kernel/matrix"
)

// Instructions is the instruction set in use: avx512, avx2 or generic.
func Instructions() string { return kernel.Current().String() }

// Chosen says what is wrong with PATHLINE_KERNEL, which chooses the instruction
// set, if anything: the best one that is there is used then.
func Chosen() error { return kernel.Chosen() }

// piece is how long one measurement of Peak takes: longer than waking a
// goroutine, shorter than what a scheduler gives others at a time.
const piece = 2 * time.Millisecond

// Peak is the rate of independent fused multiply-adds in float32, in operations
// per second (two for each): the most that products on so many threads can
// reach. It takes about the time given, at least five pieces, and is the best of
// them, since everything else that runs can only make a rate smaller.
func Peak(threads int, budget time.Duration) float64 {
	if threads < 1 {
		panic("machine: no threads")
	}
	loops, best := 1<<10, 0.0
	for begin, done := time.Now(), 0; done < 5 || time.Since(begin) < budget; {
		rate, took := peakOnce(threads, loops)
		if took < piece/2 {
			loops *= 2
			continue
		}
		best, done = max(best, rate), done+1
	}
	return best
}

func peakOnce(threads, loops int) (rate float64, took time.Duration) {
	flops := make([]float64, threads)
	begin := time.Now()
	each(threads, func(i int) { flops[i] = matrix.PeakFMA(loops) })
	took = max(time.Since(begin), time.Nanosecond)
	for _, n := range flops {
		rate += n
	}
	return rate / took.Seconds(), took
}

// each calls do for 0..n-1, at the same time, and returns when all have.
func each(n int, do func(i int)) {
	var wait sync.WaitGroup
	for i := 1; i < n; i++ {
		wait.Go(func() { do(i) })
	}
	do(0)
	wait.Wait()
}
