package launch

import (
	"fmt"
	"regexp"
	"strings"
)

// trace joins the lines of a Go panic or a Python traceback.
type trace struct {
	form  traceForm
	lines []string
	bytes int
	more  int  // lines that were too many
	ended bool // a Python exception has been named; another may follow
	named bool // the line after the indented ones names the exception
}

type traceForm int

const (
	noTrace traceForm = iota
	goTrace
	pythonTrace
)

const (
	traceLines = 1000
	traceBytes = 64 << 10
)

var (
	goStart     = regexp.MustCompile(`^(panic: |fatal error: |SIG[A-Z]+: |runtime: |goroutine \d+ )`)
	pythonStart = regexp.MustCompile(`^(\s*\+ Exception Group |\s*)Traceback \(most recent call last\):|^Fatal Python error: |^(Current thread|Thread) 0x[0-9a-f]+ .*\(most recent call first\):`)
	pythonChain = regexp.MustCompile(`^(During handling of the above exception|The above exception was the direct cause)`)
)

// takes says whether a line belongs to a trace, and keeps it.
func (t *trace) takes(s string) bool {
	blank := strings.TrimSpace(s) == ""
	head := s[:min(len(s), 300)] // a line may be long, and what begins a trace is not
	switch t.form {
	case noTrace:
		switch {
		case goStart.MatchString(head):
			t.form = goTrace
		case pythonStart.MatchString(head):
			t.form, t.named = pythonTrace, strings.HasPrefix(s, "Traceback")
		default:
			return false
		}
	case goTrace:
		// A program that dies says nothing else.
		if strings.HasPrefix(s, "{") || pythonStart.MatchString(head) {
			return false
		}
	case pythonTrace:
		indented := strings.HasPrefix(s, " ") || strings.HasPrefix(s, "\t")
		switch {
		case blank, pythonStart.MatchString(head), pythonChain.MatchString(head):
			t.ended = blank // only a chain goes on after it
			t.named = t.named || strings.HasPrefix(s, "Traceback")
		case indented:
		case t.ended, !t.named:
			return false
		default:
			t.ended = true // it names the exception
		}
	}
	if len(t.lines) == traceLines || t.bytes+len(s) > traceBytes {
		t.more++
		return true
	}
	t.lines, t.bytes = append(t.lines, s), t.bytes+len(s)
	return true
}

// end gives the trace, "" when there is none.
func (t *trace) end() string {
	text := strings.TrimRight(strings.Join(t.lines, "\n"), "\n ")
	if t.more > 0 {
		text += fmt.Sprintf("\n... (%d lines more)", t.more)
	}
	*t = trace{}
	return text
}
