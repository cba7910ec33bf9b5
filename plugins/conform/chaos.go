package conform

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins/launch"
	"github.com/pathline/pathline/plugins/remote"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// A host that breaks the protocol ends its session and nothing else: the plugin
// answers with a fault or ends the stream, serves the next session and exits when
// it is asked to.
func chaosCases() []Case {
	wrong := func(id, sentence string, frames func() []*pluginpb.Frame) Case {
		return Case{ID: "chaos/" + id, Sentence: sentence, Chaos: true, run: func(ctx context.Context, s *subject, _ *implementation) error {
			return s.survives(ctx, func(p *launch.Plugin, i *implementation) error {
				t, err := s.openedIn(ctx, p, i)
				if err != nil {
					return err
				}
				defer t.hangUp()
				if err := t.send(frames()...); err != nil {
					return err
				}
				return t.refused()
			})
		}}
	}
	check := func() *pluginpb.Call { return &pluginpb.Call{Method: "no-such-method"} }
	return []Case{
		wrong("duplicate-seq", "A number that was used already ends the session.", func() []*pluginpb.Frame {
			return []*pluginpb.Frame{frameOf(5, check()), frameOf(5, check())}
		}),
		wrong("late-seq", "A number below one that was used already ends the session.", func() []*pluginpb.Frame {
			return []*pluginpb.Frame{frameOf(9, check()), frameOf(3, check())}
		}),
		wrong("stolen-seq", "A number that belongs to the plugin's own calls ends the session.", func() []*pluginpb.Frame {
			return []*pluginpb.Frame{frameOf(4, check())}
		}),
		wrong("no-seq", "A call without a number ends the session.", func() []*pluginpb.Frame {
			return []*pluginpb.Frame{frameOf(0, check())}
		}),
		wrong("second-open", "A second open ends the session.", func() []*pluginpb.Frame {
			return []*pluginpb.Frame{frameOf(0, &pluginpb.Open{Kind: "path", Use: "x"})}
		}),
		wrong("answer-to-nothing", "An answer to a call that the plugin did not make ends the session.", func() []*pluginpb.Frame {
			return []*pluginpb.Frame{frameOf(2, &pluginpb.Result{Values: []byte("{}")})}
		}),
		wrong("unknown-schema", "A batch of a schema that was not agreed ends the session or its call.", func() []*pluginpb.Frame {
			return []*pluginpb.Frame{frameOf(1, &pluginpb.Call{Method: "no-such-method", Batches: []*pluginpb.Batch{{Schema: 77, Payload: []byte("x")}}})}
		}),
		wrong("corrupt-payload", "A payload that is no Arrow message ends the session or its call.", func() []*pluginpb.Frame {
			return []*pluginpb.Frame{withSchema(frameOf(1, &pluginpb.Call{Method: "no-such-method",
				Batches: []*pluginpb.Batch{{Schema: 1, Payload: []byte(strings.Repeat("\xde\xad\xbe\xef", 64))}}}))}
		}),
		wrong("wrong-end", "An end that states another number of batches or rows than came ends the session or its call.", func() []*pluginpb.Frame {
			return []*pluginpb.Frame{frameOf(1, &pluginpb.Call{Method: "no-such-method", More: true}), frameOf(1, &pluginpb.End{Batches: 3, Rows: 12})}
		}),
		wrong("item-to-nothing", "An item of a call that nobody made ends the session.", func() []*pluginpb.Frame {
			return []*pluginpb.Frame{withSchema(frameOf(11, &pluginpb.Item{Batch: &pluginpb.Batch{Schema: 1, Payload: []byte("x")}})), frameOf(11, &pluginpb.End{Batches: 1})}
		}),
		{ID: "chaos/huge-claim", Chaos: true, run: hugeClaim,
			Sentence: "A number in a message asks for no memory: a batch that claims 10 GB is refused, and the process grows by less than 256 MiB."},
		{ID: "chaos/not-a-frame", Chaos: true, run: notAFrame,
			Sentence: "A message that is no frame ends the session."},
		{ID: "chaos/no-open", Chaos: true, run: noOpen,
			Sentence: "A session that does not begin with open is answered with a fault or ended."},
		{ID: "chaos/slow-reader", Chaos: true, run: slowReader,
			Sentence: "A host that does not read for a while gets every answer when it does."},
		{ID: "chaos/kill", Chaos: true, run: killed,
			Sentence: "When the process is killed the host says so, with its cause, and nothing of it is left."},
		{ID: "chaos/stall", Chaos: true, run: stalled,
			Sentence: "A process that is stopped is ended by the host in spite of it, and nothing of it is left."},
	}
}

// withSchema makes a frame the first that uses schema 1, a column of floats.
func withSchema(f *pluginpb.Frame) *pluginpb.Frame {
	f.Schemas = []*pluginpb.Schema{{Id: 1, Fields: []*pluginpb.Field{{Name: "t", Type: pluginpb.Type_FLOAT64}}}}
	return f
}

// some is an implementation that can be opened.
func (s *subject) some() (*implementation, error) {
	for _, i := range s.implementations {
		if i.configErr == nil {
			return i, nil
		}
	}
	return nil, skipf("no implementation has a configuration to open it with")
}

// survives starts a process, lets do break something, and expects that the
// process serves a new session and exits.
func (s *subject) survives(ctx context.Context, do func(*launch.Plugin, *implementation) error) error {
	i, err := s.some()
	if err != nil {
		return err
	}
	p, err := s.start(ctx)
	if err != nil {
		return err
	}
	pid := p.Pid()
	defer p.Close()
	if err := do(p, i); err != nil {
		return err
	}
	t, err := s.openedIn(ctx, p, i)
	if err != nil {
		return fmt.Errorf("the plugin serves no session afterwards: %w", err)
	}
	err = t.send(frameOf(0, &pluginpb.Close{}))
	if err == nil {
		err = t.stream.CloseSend()
	}
	if err == nil {
		err = t.ends(exitWithin)
	}
	t.hangUp()
	if err != nil {
		return fmt.Errorf("a session afterwards: %w", err)
	}
	start := time.Now()
	p.Close()
	if d := time.Since(start); d > exitWithin {
		return fmt.Errorf("it took %s to exit afterwards", d.Round(time.Millisecond))
	}
	return s.nothingLeft(pid)
}

func (s *subject) nothingLeft(pid int) error {
	if pid == 0 {
		return nil
	}
	if left := groupOf(pid); len(left) > 0 {
		return fmt.Errorf("these processes are left: %s", strings.Join(left, "; "))
	}
	return nil
}

// refused expects a fault that is about the session or the last call, or the end
// of the stream, and no result.
func (t *tap) refused() error {
	for {
		f, err := t.next(answerWithin)
		switch {
		case errors.Is(err, errSilent):
			return fmt.Errorf("neither a fault nor the end of the stream: %w", err)
		case err != nil:
			return nil // it ended
		case f.GetResult() != nil:
			return fmt.Errorf("it is answered with a result: %.300v", f)
		case f.GetFault() != nil && f.GetSeq() != 5 && f.GetSeq() != 9:
			return nil // 5 and 9 are calls that were in order
		}
	}
}

func hugeClaim(ctx context.Context, s *subject, _ *implementation) error {
	return s.survives(ctx, func(p *launch.Plugin, i *implementation) error {
		before := residentBytes(p.Pid())
		for _, size := range []uint32{0x7fffffff, 0xffffffff, 10_000_000} {
			payload := make([]byte, 256)
			binary.LittleEndian.PutUint32(payload, 0xffffffff)
			binary.LittleEndian.PutUint32(payload[4:], size)
			for k := 8; k < len(payload); k++ {
				payload[k] = 0xff
			}
			t, err := s.openedIn(ctx, p, i)
			if err != nil {
				return err
			}
			err = t.send(withSchema(frameOf(1, &pluginpb.Call{Method: "no-such-method", Batches: []*pluginpb.Batch{{Schema: 1, Payload: payload}}})))
			if err == nil {
				err = t.refused()
			}
			t.hangUp()
			if err != nil {
				return err
			}
		}
		if grown := residentBytes(p.Pid()) - before; grown > 256<<20 {
			return fmt.Errorf("the process has grown by %d MiB", grown>>20)
		}
		return nil
	})
}

// garbage is a codec that sends bytes as they are.
type garbage struct{}

func (garbage) Marshal(v any) ([]byte, error) { return v.([]byte), nil }
func (garbage) Unmarshal([]byte, any) error   { return nil }
func (garbage) Name() string                  { return "proto" }

var _ encoding.Codec = garbage{}

func notAFrame(ctx context.Context, s *subject, _ *implementation) error {
	return s.survives(ctx, func(p *launch.Plugin, _ *implementation) error {
		ctx, cancel := context.WithTimeout(ctx, answerWithin)
		defer cancel()
		stream, err := p.Client().Session(ctx, grpc.ForceCodec(garbage{}))
		if err != nil {
			return err
		}
		if err := stream.(grpc.ClientStream).SendMsg([]byte(strings.Repeat("\xff\x00\x13", 300))); err != nil && err != io.EOF {
			return err
		}
		for {
			var answer []byte
			if err := stream.(grpc.ClientStream).RecvMsg(&answer); err != nil {
				if ctx.Err() != nil {
					return fmt.Errorf("the stream does not end within %s", answerWithin)
				}
				return nil
			}
		}
	})
}

func noOpen(ctx context.Context, s *subject, _ *implementation) error {
	return s.survives(ctx, func(p *launch.Plugin, _ *implementation) error {
		t, err := dialIn(ctx, p)
		if err != nil {
			return err
		}
		defer t.hangUp()
		if err := t.send(frameOf(1, &pluginpb.Call{Method: "check"})); err != nil {
			return err
		}
		return t.refused()
	})
}

func slowReader(ctx context.Context, s *subject, _ *implementation) error {
	return s.survives(ctx, func(p *launch.Plugin, i *implementation) error {
		t, err := s.openedIn(ctx, p, i)
		if err != nil {
			return err
		}
		defer t.hangUp()
		const calls = 400 // more answers than the reader's queue holds
		for n := range calls {
			if err := t.send(frameOf(uint64(2*n+1), &pluginpb.Call{Method: "no-such-method", Params: []byte(`"` + strings.Repeat("x", 4096) + `"`)})); err != nil {
				return err
			}
		}
		time.Sleep(time.Second)
		seen := map[uint64]bool{}
		for len(seen) < calls {
			f, err := t.next(answerWithin)
			if err != nil {
				return fmt.Errorf("after %d of %d answers: %w", len(seen), calls, err)
			}
			if f.GetFault() == nil || seen[f.GetSeq()] {
				return fmt.Errorf("an answer is %v", f)
			}
			seen[f.GetSeq()] = true
		}
		return nil
	})
}

// awaiting opens an instance and waits for a call of it in another goroutine,
// while do does something to the process.
func (s *subject) awaiting(ctx context.Context, stall time.Duration, do func(pid int) error) (error, *launch.Plugin, error) {
	if s.target.Address != "" {
		return nil, nil, skipf("it was started by somebody else")
	}
	i, err := s.some()
	if err != nil {
		return nil, nil, err
	}
	p, err := s.start(ctx)
	if err != nil {
		return nil, nil, err
	}
	env, err := s.surroundings(i, i.config)
	if err != nil {
		return nil, p, err
	}
	in, stage, err := remote.Open(ctx, p.Client(), i.kind, i.name, i.config, env, remote.Options{StallTimeout: stall, Explain: p.Explain})
	if err != nil {
		return nil, p, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), exitWithin)
		defer cancel()
		_ = in.Close(ctx)
	}()
	if err := do(p.Pid()); err != nil {
		return nil, p, err
	}
	asking, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	for { // a signal takes a moment, in which calls may be answered
		_, seen := stage.Check(asking, pipeline.Inputs{})
		if seen != nil && (s.ofTheProcess(seen) || asking.Err() != nil) {
			return seen, p, nil
		}
	}
}

// ofTheProcess says whether an error is about the plugin, not about the call.
func (s *subject) ofTheProcess(err error) bool {
	var e *schemas.Error
	return errors.As(err, &e) && e.Reason.Exit() == schemas.ExitPlugin
}

func (s *subject) told(seen error, p *launch.Plugin, err error, reason schemas.Reason) error {
	if p != nil {
		defer p.Close()
	}
	if err != nil {
		return err
	}
	var e *schemas.Error
	if !errors.As(seen, &e) || e.Reason != reason {
		return fmt.Errorf("the host says %v, where the reason %s is due", seen, reason)
	}
	pid := p.Pid()
	start := time.Now()
	p.Close()
	if d := time.Since(start); d > exitWithin {
		return fmt.Errorf("ending it took %s", d.Round(time.Millisecond))
	}
	return s.nothingLeft(pid)
}

func killed(ctx context.Context, s *subject, _ *implementation) error {
	seen, p, err := s.awaiting(ctx, stall, kill)
	return s.told(seen, p, err, schemas.PluginCrash)
}

func stalled(ctx context.Context, s *subject, _ *implementation) error {
	seen, p, err := s.awaiting(ctx, time.Second, freeze)
	return s.told(seen, p, err, schemas.PluginTimeout)
}
