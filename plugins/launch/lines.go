package launch

import (
	"bytes"
	"fmt"
	"sync"
)

// maxLine is the longest line that is kept; the rest of a longer one is counted.
const maxLine = 1 << 20

// lines cuts what is written to it into lines. It is safe for concurrent use
// and never fails: a log cannot stop a plugin.
type lines struct {
	take func(line string)

	mu      sync.Mutex
	part    []byte
	dropped int
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(p)
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		piece := p
		if end >= 0 {
			piece = p[:end]
		}
		room := min(len(piece), maxLine-len(l.part))
		l.part = append(l.part, piece[:room]...)
		l.dropped += len(piece) - room
		if end < 0 {
			break
		}
		l.flush()
		p = p[end+1:]
	}
	return n, nil
}

// Close gives what is left without an end of line.
func (l *lines) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.part) > 0 {
		l.flush()
	}
}

func (l *lines) flush() {
	line := string(bytes.TrimSuffix(l.part, []byte("\r")))
	if l.dropped > 0 {
		line += fmt.Sprintf(" ... (%d bytes more)", l.dropped)
	}
	l.part, l.dropped = l.part[:0], 0
	if cap(l.part) > 1<<16 {
		l.part = nil
	}
	l.take(line)
}
