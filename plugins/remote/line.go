package remote

import (
	"context"
	"errors"
	"sync"

	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
)

// line is the session of a peer. That of an implementation that is stateless is
// begun again, once, in a new process when the old one has died; the call that
// it died in is repeated, once.
type line struct {
	mu    sync.Mutex
	now   *wire.Session
	again func(ctx context.Context) (*wire.Session, error) // nil: never

	restarting sync.Mutex
}

func newLine(s *wire.Session) *line { return &line{now: s} }

func (l *line) session() *wire.Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// Call is wire.Session.Call.
func (l *line) Call(ctx context.Context, target, method string, m wire.Message) (wire.Message, error) {
	s := l.session()
	out, err := s.Call(ctx, target, method, m)
	if l.again == nil || !crashed(err) {
		return out, err
	}
	next, e := l.restart(ctx, s)
	if e != nil {
		if errors.Is(e, ErrNoRestart) {
			e = err
		}
		return wire.Message{}, e
	}
	out, err = next.Call(ctx, target, method, m)
	var twice *schemas.Error
	if crashed(err) && errors.As(err, &twice) {
		c := *twice
		c.Suggestion = "it was started again and crashed again in the same call, which is not repeated any more"
		err = &c
	}
	return out, err
}

// restart gives a session after the one that is dead; whoever comes first begins
// it.
func (l *line) restart(ctx context.Context, dead *wire.Session) (*wire.Session, error) {
	l.restarting.Lock()
	defer l.restarting.Unlock()
	if s := l.session(); s != dead {
		return s, nil
	}
	s, err := l.again(ctx)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = s
	return s, nil
}

// ErrNoRestart is why a process is not started again: the first failure counts.
var ErrNoRestart = errors.New("remote: the process is not started again")

func crashed(err error) bool {
	var e *schemas.Error
	return errors.As(err, &e) && e.Reason == schemas.PluginCrash
}

// Read is wire.Session.Read.
func (l *line) Read(ctx context.Context, target, method string, m wire.Message) (wire.Rows, error) {
	return l.session().Read(ctx, target, method, m)
}

func (l *line) Run() error                  { return l.session().Run() }
func (l *line) Fail(err error)              { l.session().Fail(err) }
func (l *line) Err() error                  { return l.session().Err() }
func (l *line) Done() <-chan struct{}       { return l.session().Done() }
func (l *line) Progress(event []byte) error { return l.session().Progress(event) }
func (l *line) Stop() error                 { return l.session().Stop() }
func (l *line) SendClose() error            { return l.session().SendClose() }
