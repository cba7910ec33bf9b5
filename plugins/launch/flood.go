package launch

import (
	"time"

	"github.com/rs/zerolog"
)

// linesPerSecond is how many lines of a plugin its log takes. More are counted;
// the last ones are kept for a report of a crash all the same.
const linesPerSecond = 500

// flood keeps a plugin that logs without end from slowing a run: what is left
// out costs no more than finding its ends of lines.
type flood struct {
	since time.Time // start of the second that is counted
	lines int
	left  int // out, since the last report
}

// let says whether a line is logged.
func (f *flood) let(out zerolog.Logger, now time.Time) bool {
	if d := now.Sub(f.since); d >= time.Second || d < 0 {
		f.report(out)
		f.since, f.lines = now, 0
	}
	if f.lines == linesPerSecond {
		f.left++
		return false
	}
	f.lines++
	return true
}

// report says how many lines were left out.
func (f *flood) report(out zerolog.Logger) {
	if f.left > 0 {
		out.Warn().Int("lines", f.left).Msgf("%d lines are left out: the plugin writes more than %d in a second", f.left, linesPerSecond)
	}
	f.left = 0
}
