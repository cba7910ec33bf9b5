package conform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pathline/pathline/plugins/launch"
	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

func sessionCases() []Case {
	return []Case{
		{ID: "session/open-close", Kind: "*", run: openClose,
			Sentence: "An instance opens, and its stream ends within 3 s of close or of the end of the host's side; three times one after the other."},
		{ID: "session/close-twice", Kind: "*", run: closeTwice,
			Sentence: "Frames that come after close change nothing: the stream ends in order."},
		{ID: "session/unknown-method", Kind: "*", run: unknownMethod,
			Sentence: "A call of a method or of an object that does not exist is answered with a fault, and the session lives on."},
		{ID: "session/cancel", Kind: "*", run: cancelled,
			Sentence: "A call that is cancelled is answered, by anything, within a second."},
		{ID: "session/abandoned", Kind: "*", run: abandoned,
			Sentence: "A host that goes away in the middle of a call ends the session, not the plugin."},
		{ID: "session/deterministic", Kind: "*", run: deterministic,
			Sentence: "The same instance, opened anew, gives the same bytes."},
		{ID: "session/apart", Kind: "*", run: apart,
			Sentence: "Two instances at the same time share no state: each gives what it gives alone."},
		{ID: "session/shared-memory", Kind: "*", run: sharedMemory,
			Sentence: "With shared memory and without it the same bytes come out."},
		{ID: "session/configuration", Kind: "*", run: configurationMatters,
			Sentence: "An instance refuses the configuration that Validate refuses."},
	}
}

// tap is a session of bare frames.
type tap struct {
	plugin *launch.Plugin
	stream pluginpb.Plugin_SessionClient
	cancel context.CancelFunc
	frames chan *pluginpb.Frame
	err    error // once frames is closed
}

// dial starts a session in the shared process. hangUp ends it.
func (s *subject) dial(ctx context.Context) (*tap, error) {
	p, err := s.plugin(ctx)
	if err != nil {
		return nil, err
	}
	return dialIn(ctx, p)
}

func dialIn(ctx context.Context, p *launch.Plugin) (*tap, error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := p.Client().Session(ctx)
	if err != nil {
		cancel()
		return nil, p.Explain(err)
	}
	t := &tap{plugin: p, stream: stream, cancel: cancel, frames: make(chan *pluginpb.Frame, 64)}
	go func() {
		defer close(t.frames)
		for {
			f, err := stream.Recv()
			if err != nil {
				t.err = err
				return
			}
			select {
			case t.frames <- f:
			case <-ctx.Done():
				t.err = ctx.Err()
				return
			}
		}
	}()
	return t, nil
}

func (t *tap) hangUp() {
	t.cancel()
	for range t.frames {
	}
}

func (t *tap) send(frames ...*pluginpb.Frame) error {
	for _, f := range frames {
		if err := t.stream.Send(f); err != nil && err != io.EOF { // io.EOF: the answer says why
			return err
		}
	}
	return nil
}

var errSilent = errors.New("nothing came")

// next is the next frame that is no progress, io.EOF at the end of the stream,
// another error when it broke, errSilent when nothing comes.
func (t *tap) next(within time.Duration) (*pluginpb.Frame, error) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		select {
		case f, ok := <-t.frames:
			if !ok {
				return nil, t.err
			}
			if f.GetProgress() != nil || f.GetBody() == nil {
				continue
			}
			return f, nil
		case <-timer.C:
			return nil, fmt.Errorf("%w within %s", errSilent, within)
		}
	}
}

// open sends open and gives its answer.
func (t *tap) open(o *pluginpb.Open) (*pluginpb.Frame, error) {
	o.WindowBytes, o.FrameBytes = wire.WindowBytes, wire.FrameBytes
	if err := t.send(&pluginpb.Frame{Body: &pluginpb.Frame_Open{Open: o}}); err != nil {
		return nil, err
	}
	f, err := t.next(caseTimeout / 2)
	if err == nil && f.GetSeq() != 0 {
		err = fmt.Errorf("the answer to open has number %d, not 0", f.GetSeq())
	}
	return f, err
}

// opened is a session of bare frames with an instance.
func (s *subject) opened(ctx context.Context, i *implementation) (*tap, error) {
	p, err := s.plugin(ctx)
	if err != nil {
		return nil, err
	}
	return s.openedIn(ctx, p, i)
}

func (s *subject) openedIn(ctx context.Context, p *launch.Plugin, i *implementation) (*tap, error) {
	if i.configErr != nil {
		return nil, i.configErr
	}
	t, err := dialIn(ctx, p)
	if err != nil {
		return nil, err
	}
	env, err := s.surroundings(i, i.config)
	if err != nil {
		t.hangUp()
		return nil, err
	}
	f, err := t.open(&pluginpb.Open{Kind: i.kind, Use: i.name, Config: i.config, Surroundings: &pluginpb.Surroundings{
		Stage: env.Stage, Seed: env.Seed, Dir: env.Dir, Out: env.Out, State: env.State, Threads: 1, Memory: env.Memory, Key: env.Key}})
	if err == nil && f.GetResult().GetOpened() == nil {
		err = fmt.Errorf("open with %s is answered with %v", i.config, f)
	}
	if err != nil {
		t.hangUp()
		return nil, err
	}
	return t, nil
}

func frameOf(seq uint64, body any) *pluginpb.Frame {
	f := &pluginpb.Frame{Seq: seq}
	switch b := body.(type) {
	case *pluginpb.Call:
		f.Body = &pluginpb.Frame_Call{Call: b}
	case *pluginpb.Item:
		f.Body = &pluginpb.Frame_Item{Item: b}
	case *pluginpb.End:
		f.Body = &pluginpb.Frame_End{End: b}
	case *pluginpb.Cancel:
		f.Body = &pluginpb.Frame_Cancel{Cancel: b}
	case *pluginpb.Close:
		f.Body = &pluginpb.Frame_Close{Close: b}
	case *pluginpb.Open:
		f.Body = &pluginpb.Frame_Open{Open: b}
	case *pluginpb.Result:
		f.Body = &pluginpb.Frame_Result{Result: b}
	case *pluginpb.Credit:
		f.Body = &pluginpb.Frame_Credit{Credit: b}
	default:
		panic("conform: a body that frames do not have")
	}
	return f
}

// ends expects the end of the stream, in order.
func (t *tap) ends(within time.Duration) error {
	for {
		f, err := t.next(within)
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("the stream does not end in order: %w", err)
		case f.GetSeq() == 0 && f.GetFault() == nil:
			return fmt.Errorf("after close there comes %v", f)
		}
	}
}

func openClose(ctx context.Context, s *subject, i *implementation) error {
	for n := range 3 {
		t, err := s.opened(ctx, i)
		if err != nil {
			return err
		}
		if n < 2 {
			err = t.send(frameOf(0, &pluginpb.Close{}))
		}
		if err == nil && n > 0 { // with close, and without
			err = t.stream.CloseSend()
		}
		if err == nil {
			err = t.ends(exitWithin)
		}
		t.hangUp()
		if err != nil {
			return fmt.Errorf("instance %d: %w", n+1, err)
		}
	}
	return nil
}

func closeTwice(ctx context.Context, s *subject, i *implementation) error {
	t, err := s.opened(ctx, i)
	if err != nil {
		return err
	}
	defer t.hangUp()
	if err := t.send(frameOf(0, &pluginpb.Close{}), frameOf(0, &pluginpb.Close{}), frameOf(0, &pluginpb.Cancel{})); err != nil {
		return err
	}
	if err := t.stream.CloseSend(); err != nil {
		return err
	}
	return t.ends(exitWithin)
}

func unknownMethod(ctx context.Context, s *subject, i *implementation) error {
	t, err := s.opened(ctx, i)
	if err != nil {
		return err
	}
	defer t.hangUp()
	for n, c := range []*pluginpb.Call{{Method: "no-such-method"}, {Target: "nothing/99", Method: "read"}, {Target: "", Method: ""}, {Method: "no-such-method"}} {
		seq := uint64(2*n + 1)
		if err := t.send(frameOf(seq, c)); err != nil {
			return err
		}
		f, err := t.next(answerWithin)
		if err != nil {
			return fmt.Errorf("call %d, of method %q of object %q: %w", seq, c.Method, c.Target, err)
		}
		if f.GetSeq() != seq || len(f.GetFault().GetDiagnostics()) == 0 {
			return fmt.Errorf("call %d, of method %q of object %q, is answered with %v, not with a fault", seq, c.Method, c.Target, f)
		}
	}
	return nil
}

func cancelled(ctx context.Context, s *subject, i *implementation) error {
	t, err := s.opened(ctx, i)
	if err != nil {
		return err
	}
	defer t.hangUp()
	for n := range 3 {
		seq := uint64(2*n + 1)
		if err := t.send(frameOf(seq, &pluginpb.Call{Method: "check"}), frameOf(seq, &pluginpb.Cancel{})); err != nil {
			return err
		}
		f, err := t.next(cancelWithin)
		if err != nil {
			return fmt.Errorf("a check that was cancelled: %w", err)
		}
		if f.GetSeq() != seq || f.GetFault() == nil && f.GetResult() == nil {
			return fmt.Errorf("a check that was cancelled is answered with %v", f)
		}
	}
	// A cancel that comes too late is no mistake.
	if err := t.send(frameOf(1, &pluginpb.Cancel{}), frameOf(7, &pluginpb.Call{Method: "no-such-method"})); err != nil {
		return err
	}
	if f, err := t.next(answerWithin); err != nil || f.GetSeq() != 7 {
		return fmt.Errorf("after a cancel that came late there comes %v, %v", f, err)
	}
	return nil
}

func abandoned(ctx context.Context, s *subject, i *implementation) error {
	for range 3 {
		t, err := s.opened(ctx, i)
		if err != nil {
			return err
		}
		err = t.send(frameOf(1, &pluginpb.Call{Method: "check"}))
		t.hangUp()
		if err != nil {
			return err
		}
	}
	p := s.running
	again, err := s.opened(ctx, i)
	if err != nil {
		return fmt.Errorf("after a host that went away: %w", err)
	}
	again.hangUp()
	if s.running != p {
		return errors.New("the process ended with the session")
	}
	return nil
}

func deterministic(ctx context.Context, s *subject, i *implementation) error {
	var first []byte
	for n := range 2 {
		got, err := s.workout(ctx, i)
		if err != nil {
			return err
		}
		if n == 0 {
			first = got
		} else if !bytes.Equal(first, got) {
			return fmt.Errorf("opened with %s it gives %d bytes, then %d bytes; byte %d is the first that differs", i.config, len(first), len(got), difference(first, got))
		}
	}
	return nil
}

func difference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func apart(ctx context.Context, s *subject, i *implementation) error {
	work, err := s.workoutOf(i)
	if err != nil {
		return err
	}
	alone, err := s.workout(ctx, i)
	if err != nil {
		return err
	}
	// Two are open; the second works before and after the first, and a third
	// comes and goes.
	var open [2]*instance
	for n := range open {
		if open[n], err = s.open(ctx, i, s.quick(i)); err != nil {
			return err
		}
		defer open[n].shut()
	}
	type outcome struct {
		n   int
		got []byte
		err error
	}
	done := make(chan outcome, len(open))
	for n, in := range open {
		go func() {
			got, err := work(ctx, in)
			done <- outcome{n, got, err}
		}()
	}
	if third, err := s.open(ctx, i, s.quick(i)); err == nil {
		third.shut()
	}
	var wrong error
	for range open {
		o := <-done
		if o.err != nil {
			wrong = errors.Join(wrong, o.err)
		} else if !bytes.Equal(alone, o.got) {
			wrong = errors.Join(wrong, fmt.Errorf("beside another instance, instance %d gives other bytes than alone; byte %d is the first that differs", o.n+1, difference(alone, o.got)))
		}
	}
	return wrong
}

// sharedMemory compares the workout, and rows that are large enough to be shared,
// with and without shared memory.
func sharedMemory(ctx context.Context, s *subject, i *implementation) error {
	defer func() { s.inline = false }()
	var first []byte
	for _, s.inline = range []bool{false, true} {
		got, err := s.workout(ctx, i)
		if err != nil {
			return err
		}
		if first == nil {
			first = got
		} else if !bytes.Equal(first, got) {
			return fmt.Errorf("without shared memory byte %d is the first that differs", difference(first, got))
		}
	}
	return nil
}

func configurationMatters(ctx context.Context, s *subject, i *implementation) error {
	config, err := i.edited("no_such_key", 1)
	if err != nil {
		return err
	}
	t, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer t.hangUp()
	f, err := t.open(&pluginpb.Open{Kind: i.kind, Use: i.name, Config: config, Surroundings: &pluginpb.Surroundings{Stage: "conform", Dir: s.dir}})
	if err != nil {
		return err
	}
	if len(f.GetFault().GetDiagnostics()) == 0 {
		return fmt.Errorf("open with %s is answered with %v, not with a fault", config, f)
	}
	return nil
}
