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
	ring  [tailLines]string
	count int
	cause string

	fresh   chan struct{} // while somebody listens
	answers []string
}

// add keeps a line and says whether somebody listens, who will tell it.
func (t *tail) add(line string) (heard bool) {
	if len(line) > tailWidth {
		line = line[:tailWidth] + "..."
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ring[t.count%tailLines] = line
	t.count++
	if t.cause == "" && (strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ")) {
		t.cause = line
	}
	if t.fresh != nil && len(t.answers) < stackLines {
		t.answers = append(t.answers, line)
		select {
		case t.fresh <- struct{}{}:
		default:
		}
	}
	return t.fresh != nil
}

// listen keeps lines from now on apart; the channel says that there are some.
func (t *tail) listen() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fresh = make(chan struct{}, 1)
	return t.fresh
}

// heard gives the lines since listen.
func (t *tail) heard() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.answers
	t.fresh, t.answers = nil, nil
	return out
}

// last gives the last n lines.
func (t *tail) last(n int) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	n = min(n, t.count, tailLines)
	out := make([]string, n)
	for i := range out {
		out[i] = t.ring[(t.count-n+i)%tailLines]
	}
	return out
}

func (t *tail) why() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cause
}
