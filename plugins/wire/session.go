package wire

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/plugins/segment"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// Stream is one side of a gRPC stream of frames.
type Stream interface {
	Send(*pluginpb.Frame) error
	Recv() (*pluginpb.Frame, error)
}

// Message is a call's arguments or a result.
type Message struct {
	Values  []byte // JSON
	Batches []arrow.Record
	Ports   []*pluginpb.Port                        // of a call
	Outputs *pluginpb.Outputs                       // of a result
	Rows    func(ctx context.Context) (Rows, error) // of a result: batches that are streamed after it; called once
}

// Rows is a stream of batches, as pipeline.Stream.
type Rows interface {
	Next(ctx context.Context) (arrow.Record, error)
	Close() error
}

// Release lets go of the batches, which may lie in shared memory. Slices of
// their values are not to be read afterwards.
func (m Message) Release() {
	for _, rec := range m.Batches {
		if rec != nil {
			rec.Release()
		}
	}
}

// Handler answers a call of the other side. The arguments are released after
// the answer was sent: what is kept longer is copied. It runs in its own goroutine; ctx
// ends when the other side cancels or the session does.
type Handler func(ctx context.Context, target, method string, m Message) (Message, error)

// Options configure a session.
type Options struct {
	Host        bool    // numbers its calls 1, 3, 5, ...; the other side 2, 4, 6, ...
	Handler     Handler // nil refuses every call
	Progress    func(event []byte)
	Panicked    func(value any, stack []byte) // a handler panicked; the caller gets an error without the stack
	Stop        func()                        // seq 0 cancel
	Close       func()                        // the other side sent close
	CallTimeout time.Duration                 // of a call, rows not counted; 0 is no limit
	Stall       time.Duration                 // fail when an answer is awaited and nothing happens for so long; 0 never
	Abort       func(error)                   // called once when the session fails: ends the stream under it
	Explain     func(error) error             // says why the stream broke, when a process knows better
	Recorder    *Recorder                     // remembers what shows a failure again; nil: nothing does
	Window      int64                         // bytes of items that are held for each call; 0 for WindowBytes
	Shared      *segment.Pair                 // shared memory, which the session lets go of at its end; nil: none
}

// WindowBytes is the default window of credit.
const WindowBytes = 32 << 20

const (
	pieceBytes    = 4 << 20 // payloads above travel as items of about this size
	maxValueBytes = 4 << 30 // a value in pieces
	maxCalls      = 1024    // calls of the other side at a time
	maxSchemas    = 4096    // per session and side
	maxParts      = 64      // batches of one call or result
	cancelGrace   = time.Second
)

// Session is a symmetric exchange of calls on one stream. Its methods may be
// called concurrently.
type Session struct {
	o      Options
	stream Stream

	sendMu sync.Mutex // orders frames and the numbers of schemas
	sent   map[string]uint32

	received []*arrow.Schema // touched by Run alone
	shared   *shared

	mu      sync.Mutex
	calls   map[uint64]*exchange // ours
	serving map[uint64]*exchange // theirs
	next    uint64
	last    uint64 // highest number that the other side used
	err     error
	failed  chan struct{}
	joined  sync.WaitGroup

	active  atomic.Int64 // unix nanoseconds of the last sign of life
	waiting atomic.Int64 // goroutines that wait for the other side
	closing atomic.Bool  // we have asked for the end
	busy    atomic.Int64 // calls of the other side that are being answered
	blocked atomic.Int64 // of what answers them: waits for the other side to read, to credit or to answer
}

// NewSession makes a session; Run must be called for anything to arrive.
func NewSession(stream Stream, o Options) *Session {
	if o.Window == 0 {
		o.Window = WindowBytes
	}
	s := &Session{o: o, stream: stream, shared: newShared(o.Shared), sent: map[string]uint32{},
		calls: map[uint64]*exchange{}, serving: map[uint64]*exchange{}, failed: make(chan struct{}), next: 2}
	if o.Host {
		s.next = 1
	}
	s.touch()
	return s
}

func (s *Session) touch() { s.active.Store(time.Now().UnixNano()) }

// block says that what follows depends on the other side alone, also when one of
// its calls is being answered; the result ends that.
func (s *Session) block() func() {
	s.touch()
	s.blocked.Add(1)
	return func() { s.blocked.Add(-1) }
}

// Run reads frames until the stream ends and joins everything that the session
// started. The error is nil when the other side ended its stream in order.
func (s *Session) Run() error {
	done := make(chan struct{})
	if s.o.Stall > 0 {
		s.joined.Add(1)
		go s.watch(done)
	}
	var err error
	for {
		var f *pluginpb.Frame
		if f, err = s.stream.Recv(); err != nil {
			break
		}
		s.touch()
		if err = s.take(f); err != nil {
			break
		}
	}
	switch {
	case err == io.EOF && s.o.Host && !s.closing.Load():
		err = nil
		s.fail(broken("it ended the session, which the host had not asked for"))
	case err == io.EOF:
		err = nil
		s.fail(errEnded)
	default:
		s.fail(err)
	}
	close(done)
	s.joined.Wait()
	s.o.Recorder.forget()
	s.shared.end()
	return err
}

var errEnded = schemas.Errorf(schemas.PluginProtocol, "the session has ended")

func (s *Session) watch(done chan struct{}) {
	defer s.joined.Done()
	tick := time.NewTicker(min(max(s.o.Stall/10, time.Millisecond), 100*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-s.failed:
			return
		case <-tick.C:
		}
		idle := time.Since(time.Unix(0, s.active.Load()))
		if s.waiting.Load() > 0 && s.busy.Load() <= s.blocked.Load() && idle > s.o.Stall {
			s.fail(schemas.Errorf(schemas.PluginTimeout, "nothing happened for %s while an answer was awaited", s.o.Stall).
				Suggest("raise stall_timeout when the work may take so long"))
			return
		}
	}
}

// fail ends the session for everybody who waits.
func (s *Session) fail(err error) {
	if s.o.Explain != nil && err != errEnded && s.Err() == nil {
		err = s.o.Explain(err)
	}
	s.mu.Lock()
	first := s.err == nil
	if first {
		s.err = err
		close(s.failed)
	}
	for _, e := range s.serving {
		e.cancel()
	}
	s.mu.Unlock()
	if first && s.o.Abort != nil {
		s.o.Abort(err)
	}
}

// Err is why the session ended, or nil.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Done is closed when the session has ended.
func (s *Session) Done() <-chan struct{} { return s.failed }

// Fail ends the session because of err.
func (s *Session) Fail(err error) { s.fail(err) }

func broken(format string, a ...any) error {
	return schemas.Errorf(schemas.PluginProtocol, format, a...)
}

// Progress reports an event, or with nil that work goes on.
func (s *Session) Progress(event []byte) error {
	return s.send(&pluginpb.Frame{Body: &pluginpb.Frame_Progress{Progress: &pluginpb.Progress{Event: event}}}, nil)
}

// Stop asks the instance on the other side to stop at its next safe point.
func (s *Session) Stop() error {
	return s.send(&pluginpb.Frame{Body: &pluginpb.Frame_Cancel{Cancel: &pluginpb.Cancel{}}}, nil)
}

// SendClose asks the other side to end the instance.
func (s *Session) SendClose() error {
	s.closing.Store(true)
	return s.send(&pluginpb.Frame{Body: &pluginpb.Frame_Close{Close: &pluginpb.Close{}}}, nil)
}
