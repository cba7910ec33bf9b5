package ui

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/pathline/pathline/pipeline"
)

// Seconds writes a duration as people say it: 0.42s, 12.3s, 4m05s, 2h03m.
func Seconds(s float64) string {
	switch {
	case math.IsNaN(s) || math.IsInf(s, 0) || s < 0:
		return "?"
	case s < 1:
		return strconv.FormatFloat(s, 'f', 2, 64) + "s"
	case s < 99.95:
		return strconv.FormatFloat(s, 'f', 1, 64) + "s"
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", int(s)/60, int(s)%60)
	}
	return fmt.Sprintf("%dh%02dm", int(s)/3600, int(s)/60%60)
}

// Count writes a number with separators: 1,234,567.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Short writes a number in few characters: 980, 12.3k, 4.5M.
func Short(x float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e4, "k"}} {
		if math.Abs(x) >= u.size {
			size := u.size
			if u.name == "k" {
				size = 1e3
			}
			return strconv.FormatFloat(x/size, 'f', 1, 64) + u.name
		}
	}
	if x == math.Trunc(x) {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}

// values are the numbers of a moment in the order in which people ask for
// them: the loss first, the rate, the rest by name.
func values(v map[string]float64) string {
	rank := map[string]int{"loss": 1, "valid_loss": 2, "rows_per_second": 3}
	keys := make([]string, 0, len(v))
	for k := range v {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(a, b int) bool {
		ra, rb := rank[keys[a]], rank[keys[b]]
		if ra != rb && ra*rb != 0 {
			return ra < rb
		}
		if (ra == 0) != (rb == 0) {
			return ra != 0
		}
		return keys[a] < keys[b]
	})
	var out []string
	for _, k := range keys {
		if k == "rows_per_second" {
			out = append(out, Short(v[k])+" rows/s")
			continue
		}
		out = append(out, strings.ReplaceAll(k, "_", " ")+" "+strconv.FormatFloat(v[k], 'g', 4, 64))
	}
	return strings.Join(out, "  ")
}

// clock estimates the rate of a stage and what is left, from its events: since
// the first one, because a resumed stage does not start at 0.
type clock struct {
	start     time.Time
	seen      bool
	first     int64
	firstAt   time.Time
	done      int64
	total     int64
	unit      string
	at        time.Time
	said      map[string]float64
	lastShown time.Time
}

func (c *clock) take(e pipeline.Event) {
	if !c.seen {
		c.seen, c.first, c.firstAt = true, e.Done, e.Time
	}
	c.done, c.at = e.Done, e.Time
	if e.Total > 0 {
		c.total = e.Total
	}
	if e.Unit != "" {
		c.unit = e.Unit
	}
	if len(e.Values) > 0 {
		c.said = e.Values
	}
}

// progress is "1,200 / 5,000 steps", or "1,200 rows" of an unknown total.
func (c *clock) progress() string {
	s := Count(c.done)
	if c.total > 0 {
		s += " / " + Count(c.total)
	}
	if c.unit != "" {
		s += " " + c.unit
	}
	return s
}

// left is the time that the rest will take, "" when nothing is known yet.
func (c *clock) left(now time.Time) string {
	ran := c.at.Sub(c.firstAt).Seconds()
	if c.total <= 0 || c.done <= c.first || c.done > c.total || ran < 0.5 {
		return ""
	}
	s := ran*float64(c.total-c.done)/float64(c.done-c.first) - now.Sub(c.at).Seconds()
	return "ETA " + Seconds(max(0, math.Ceil(s)))
}

// printable replaces characters that would steer a terminal: names and
// messages come from files and plugins.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == '\t' {
			return ' '
		}
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, s)
}

// ended is the line of a stage that is done. The reason of a failure is not in
// it: the error follows with its place and advice.
func ended(e pipeline.Event, files []string, o Options) string {
	mark, word, colour := "✓", "", green
	switch e.Status {
	case pipeline.StatusUpToDate:
		mark, word, colour = "·", "up to date", dim
	case pipeline.StatusSkipped:
		mark, word, colour = "·", "skipped", dim
	case pipeline.StatusFailed:
		mark, word, colour = "✗", "failed", red
	case pipeline.StatusInterrupted:
		mark, word, colour = "!", "interrupted", yellow
	}
	parts := []string{o.paint(colour, mark) + " " + pad(printable(e.Stage), o.Name)}
	if word != "" {
		parts = append(parts, o.paint(colour, word))
	}
	if e.Status != pipeline.StatusUpToDate && e.Status != pipeline.StatusSkipped {
		parts = append(parts, fmt.Sprintf("%7s", Seconds(e.Seconds)))
	}
	if e.Rows > 0 && e.Status != pipeline.StatusFailed && e.Status != pipeline.StatusInterrupted {
		parts = append(parts, Count(e.Rows)+" rows")
	}
	switch n := len(e.Values); {
	case n > 3: // an evaluator's table is in its file and in the report
		parts = append(parts, strconv.Itoa(n)+" metrics")
	case n > 0 && e.Status != pipeline.StatusUpToDate:
		parts = append(parts, values(e.Values))
	}
	if len(files) > 0 {
		parts = append(parts, printable(strings.Join(files, ", ")))
	}
	return strings.TrimRight(strings.Join(parts, "  "), " ")
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-len([]rune(s))))
}

const (
	red    = "31"
	green  = "32"
	yellow = "33"
	dim    = "2"
	bold   = "1"
)

func (o Options) paint(code, s string) string {
	if !o.Colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
