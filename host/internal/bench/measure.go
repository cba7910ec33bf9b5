package bench

import (
	"context"
	"math"
	"slices"
	"time"
)

// timings are the seconds of one unit of work, of each repeat.
type timings []float64

// measure times work(n), which does n units and says how long they took: enough
// units for a repeat to last Least, by the time of the last try. The tries
// before warm up; a unit that lasts Least by itself is the first repeat at once.
func measure(ctx context.Context, s *session, work func(n int) (time.Duration, error)) (timings, error) {
	var got timings
	for n := 1; len(got) < s.Repeats; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		took, err := work(n)
		if err != nil {
			return nil, err
		}
		took = max(took, time.Nanosecond)
		if took >= s.Least || len(got) > 0 {
			got = append(got, took.Seconds()/float64(n))
			continue
		}
		grow := 1.2 * s.Least.Seconds() / took.Seconds()
		n = int(math.Ceil(float64(n) * min(max(grow, 1.05), 100)))
	}
	return got, nil
}

// clock makes measure's work of something that has no other beginning.
func clock(do func() error) func(n int) (time.Duration, error) {
	return func(n int) (time.Duration, error) {
		begin := time.Now()
		for range n {
			if err := do(); err != nil {
				return 0, err
			}
		}
		return time.Since(begin), nil
	}
}

// median of the seconds.
func (t timings) median() float64 {
	s := slices.Sorted(slices.Values(t))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

// rate gives a result its figures: work units a second, where a unit of the
// timings is work of them with flops operations each.
func (t timings) rate(r Result, work, flops float64) Result {
	r.Better = "higher"
	r.Value, r.Min, r.Max = work/t.median(), work/slices.Max(t), work/slices.Min(t)
	return t.finish(r, work, flops)
}

// seconds gives a result its figures as seconds a unit.
func (t timings) seconds(r Result, flops float64) Result {
	r.Better, r.Unit = "lower", "s"
	r.Value, r.Min, r.Max = t.median(), slices.Min(t), slices.Max(t)
	return t.finish(r, 1, flops)
}

func (t timings) finish(r Result, work, flops float64) Result {
	r.Repeats, r.FLOPs = len(t), flops
	r.GFLOPS = work * flops / t.median() / 1e9
	return r
}
