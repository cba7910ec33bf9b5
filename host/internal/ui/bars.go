package ui

import (
	"io"
	"math"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/pathline/pathline/pipeline"
)

// Bars shows a run in a terminal: a bar for every running stage, and a line
// above them for every stage that ended. When the stages' total is unknown the
// bar is left out and the numbers stay.
func Bars(w io.Writer, o Options) Display {
	return newBars(w, o, mpb.WithRefreshRate(120*time.Millisecond))
}

func newBars(w io.Writer, o Options, options ...mpb.ContainerOption) *bars {
	return &bars{
		o: o, running: map[string]*running{}, files: map[string][]string{},
		p: mpb.New(append([]mpb.ContainerOption{mpb.WithOutput(w), mpb.WithAutoRefresh()}, options...)...),
	}
}

type bars struct {
	o       Options
	p       *mpb.Progress
	mu      sync.Mutex
	running map[string]*running
	files   map[string][]string
}

// running is one stage; mpb's goroutine reads the clock under its own lock.
type running struct {
	mu  sync.Mutex
	c   clock
	bar *mpb.Bar
}

func (b *bars) Event(e pipeline.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e.Type {
	case pipeline.StageStarted:
		b.start(e)
	case pipeline.StageProgress:
		r := b.running[e.Stage]
		if r == nil {
			return // it ended: another stage reads its rows
		}
		r.mu.Lock()
		r.c.take(e)
		done, total := r.c.done, r.c.total
		r.mu.Unlock()
		if total > 0 {
			r.bar.SetTotal(total+1, false) // never complete by itself: StageEnded says so
			r.bar.SetCurrent(min(done, total))
		}
	case pipeline.StageWarning:
		b.line(b.o.paint(yellow, "!") + " " + pad(printable(e.Stage), b.o.Name) + "  " + printable(e.Message))
	case pipeline.StageFile:
		b.files[e.Stage] = append(b.files[e.Stage], e.File)
	case pipeline.StageEnded:
		if r := b.running[e.Stage]; r != nil {
			r.bar.Abort(true)
			r.bar.Wait()
			delete(b.running, e.Stage)
		}
		b.line(ended(e, b.files[e.Stage], b.o))
	}
}

func (b *bars) start(e pipeline.Event) {
	r := &running{c: clock{start: e.Time}}
	r.bar = b.p.New(math.MaxInt64, mpb.BarStyle().Lbound("").Filler("━").Tip("━").Padding("─").Rbound(""),
		mpb.BarWidth(24),
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Any(func(decor.Statistics) string {
			return "  " + pad(printable(e.Stage), b.o.Name) + " "
		})),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return r.text(time.Now()) })),
	)
	b.running[e.Stage] = r
}

// text stands to the right of the bar.
func (r *running) text(now time.Time) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.c.seen {
		return " " + Seconds(now.Sub(r.c.start).Seconds())
	}
	text := " " + r.c.progress()
	for _, s := range []string{values(short(r.c.said)), r.c.left(now)} {
		if s != "" {
			text += "  " + s
		}
	}
	return text
}

// short keeps the values that fit on a line: the loss and the rate.
func short(v map[string]float64) map[string]float64 {
	out := map[string]float64{}
	for _, k := range []string{"loss", "valid_loss", "rows_per_second"} {
		if x, ok := v[k]; ok {
			out[k] = x
		}
	}
	return out
}

func (b *bars) line(s string) { _, _ = b.p.Write([]byte(s + "\n")) }

func (b *bars) Write(p []byte) (int, error) { return b.p.Write(p) }

// Close removes the bars that are left and waits until everything is drawn.
func (b *bars) Close() error {
	b.mu.Lock()
	for _, r := range b.running {
		r.bar.Abort(true)
	}
	b.mu.Unlock()
	b.p.Wait()
	return nil
}
