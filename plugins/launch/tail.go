package launch

import (
	"strings"
	"sync"
)

const (
	tailLines = 200
	tailWidth = 2000 // bytes of a line
)

// tail keeps the last lines of a plugin, and the first one that says why it
// died.
type tail struct {
	mu    sync.Mutex
	lines []string
	cause string
}

func (t *tail) add(line string) {
	if len(line) > tailWidth {
		line = line[:tailWidth] + "..."
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == tailLines {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, line)
	if t.cause == "" && (strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ")) {
		t.cause = line
	}
}

// last gives the last n lines.
func (t *tail) last(n int) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.lines[max(0, len(t.lines)-n):]...)
}

func (t *tail) why() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cause
}
