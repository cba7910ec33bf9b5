package ui

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/pathline/pathline/pipeline"
)

// every is the least time between two lines of progress of one stage.
const every = 10 * time.Second

// Lines shows a run as plain lines.
func Lines(w io.Writer, o Options) Display {
	return &lines{w: w, o: o, stages: map[string]*clock{}, files: map[string][]string{}}
}

type lines struct {
	mu     sync.Mutex
	w      io.Writer
	o      Options
	stages map[string]*clock
	files  map[string][]string
}

func (l *lines) Event(e pipeline.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := pad(printable(e.Stage), l.o.Name)
	switch e.Type {
	case pipeline.StageStarted:
		l.stages[e.Stage] = &clock{start: e.Time, lastShown: e.Time}
		why := ""
		if e.Why != "" {
			why = ": " + printable(e.Why)
		}
		fmt.Fprintf(l.w, "%s %s  started%s\n", l.o.paint(dim, ">"), name, why)
	case pipeline.StageProgress:
		c := l.stages[e.Stage]
		if c == nil {
			return // it ended: another stage reads its rows
		}
		c.take(e)
		if e.Time.Sub(c.lastShown) < every {
			return
		}
		c.lastShown = e.Time
		text := c.progress()
		for _, s := range []string{values(c.said), c.left(e.Time)} {
			if s != "" {
				text += "  " + s
			}
		}
		fmt.Fprintf(l.w, "  %s  %s\n", name, text)
	case pipeline.StageWarning:
		fmt.Fprintf(l.w, "%s %s  warning: %s\n", l.o.paint(yellow, "!"), name, printable(e.Message))
	case pipeline.StageFile:
		l.files[e.Stage] = append(l.files[e.Stage], e.File)
	case pipeline.StageEnded:
		fmt.Fprintln(l.w, ended(e, l.files[e.Stage], l.o))
		delete(l.stages, e.Stage)
	}
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func (l *lines) Close() error { return nil }
