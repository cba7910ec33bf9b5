package remote

import (
	"context"
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/rs/zerolog"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
	"github.com/pathline/pathline/stages/transform"
)

// Serve answers one session from a registry, until the host ends it. log is
// where the stage's events go.
func Serve(stream pluginpb.Plugin_SessionServer, r *pipeline.Registry, log zerolog.Logger) error {
	f, err := stream.Recv()
	if err == io.EOF {
		return nil
	}
	if err != nil {
		return err
	}
	open := f.GetOpen()
	if open == nil {
		return refuse(stream, schemas.Errorf(schemas.PluginProtocol, "a session does not begin with open"))
	}
	impl, ok := r.Find(open.GetKind(), open.GetUse())
	if !ok {
		return refuse(stream, schemas.Errorf(schemas.UnknownUse, "the plugin has no %s %q", open.GetKind(), open.GetUse()))
	}

	p := newPeer()
	p.use, p.config = open.GetUse(), open.GetConfig()
	p.threads = int(min(max(open.GetSurroundings().GetThreads(), 0), maxWorkers))
	i := &served{peer: p, stop: make(chan struct{})}
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	o := wire.Options{Handler: p.handle, Stop: i.interrupt, Close: cancel, Window: int64(open.GetWindowBytes()),
		Panicked: func(value any, stack []byte) {
			log.Error().Str("stage", open.GetSurroundings().GetStage()).Bytes("stack", stack).Msgf("panic: %v", value)
		}}
	if o.Window < 1<<10 || o.Window > 1<<32 {
		o.Window = 0
	}
	o.Shared = shareOf(open.GetSharedMemory())
	runs := false
	defer func() {
		if o.Shared != nil && !runs { // a session lets go of it at its end
			o.Shared.Release()
		}
	}()
	p.session = newLine(wire.NewSession(stream, o))
	s := open.GetSurroundings()
	env := pipeline.Env{Stage: s.GetStage(), Seed: s.GetSeed(), Dir: s.GetDir(), Out: s.GetOut(), State: s.GetState(),
		Threads: int(s.GetThreads()), Memory: s.GetMemory(), Resume: s.GetResume(), Key: s.GetKey(),
		Log:   log.Level(levelOf(s.GetLogLevel())).With().Str("stage", s.GetStage()).Logger(),
		Alloc: memory.DefaultAllocator, Emit: i.emit, Stop: i.stop, Config: json.RawMessage(open.GetConfig())}
	if i.stage, err = build(ctx, impl, env, open.GetConfig()); err != nil {
		return refuse(stream, err)
	}
	opened := &pluginpb.Opened{WindowBytes: wire.WindowBytes, FrameBytes: wire.FrameBytes}
	if _, ok := i.stage.(pipeline.Fingerprinter); ok {
		opened.Capabilities = append(opened.Capabilities, canFingerprint)
	}
	if _, ok := i.stage.(pipeline.Restorer); ok {
		opened.Capabilities = append(opened.Capabilities, canRestore)
	}
	if o.Shared != nil {
		opened.Capabilities = append(opened.Capabilities, canShare)
	}
	p.objects[""] = i.answer
	err = stream.Send(&pluginpb.Frame{Body: &pluginpb.Frame_Result{Result: &pluginpb.Result{Opened: opened}}})
	if err != nil {
		return err
	}
	var beats sync.WaitGroup
	if ms := open.GetHeartbeatMs(); ms > 0 {
		beats.Add(1)
		go func() {
			defer beats.Done()
			i.beat(ctx, time.Duration(ms)*time.Millisecond)
		}()
	}
	runs = true
	err = p.session.Run()
	cancel()
	beats.Wait()
	return err
}

// refuse answers open with an error.
func refuse(stream pluginpb.Plugin_SessionServer, err error) error {
	return stream.Send(&pluginpb.Frame{Body: &pluginpb.Frame_Fault{Fault: wire.FaultOf(err)}})
}

// build makes the stage; a panic of its author's code is an error.
func build(ctx context.Context, impl *pipeline.Implementation, env pipeline.Env, config []byte) (s pipeline.Stage, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = schemas.Errorf(schemas.Panic, "panic in %s/%s: %v", impl.Kind, impl.Name, p)
		}
	}()
	return impl.Build(ctx, env, config)
}

// served is an instance on the side of its plugin.
type served struct {
	peer  *peer
	stage pipeline.Stage
	stop  chan struct{}
	once  sync.Once

	mu  sync.Mutex
	out pipeline.Outputs // of the last check or run
}

func (s *served) interrupt() { s.once.Do(func() { close(s.stop) }) }

// emit reports an event to the host; when the session is over nobody listens.
func (s *served) emit(e pipeline.Event) {
	raw, err := json.Marshal(e)
	if err != nil { // a number that JSON does not have
		e.Values = nil
		if raw, err = json.Marshal(e); err != nil {
			return
		}
	}
	_ = s.peer.session.Progress(raw)
}

// beat says every so often that the process lives.
func (s *served) beat(ctx context.Context, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			_ = s.peer.session.Progress(nil)
		case <-ctx.Done():
			return
		case <-s.peer.session.Done():
			return
		}
	}
}

// answer serves the methods of the instance: check, run, restore, finish,
// fingerprint, and of a transform fitted.
func (s *served) answer(ctx context.Context, method string, m wire.Message) (wire.Message, error) {
	var do func(context.Context, pipeline.Inputs) (pipeline.Outputs, error)
	switch method {
	case "check":
		do = s.stage.Check
	case "run":
		do = s.stage.Run
	case "restore":
		r, ok := s.stage.(pipeline.Restorer)
		if !ok {
			return wire.Message{}, noMethod("stage that cannot be restored", method)
		}
		do = r.Restore
	case "finish":
		s.mu.Lock()
		defer s.mu.Unlock()
		o, err := offerLate(s.out)
		return wire.Message{Outputs: o}, err
	case "fingerprint":
		f, ok := s.stage.(pipeline.Fingerprinter)
		if !ok {
			return wire.Message{}, noMethod("stage", method)
		}
		print, err := f.Fingerprint(ctx)
		if err != nil {
			return wire.Message{}, err
		}
		return valuesOf(print)
	case "fitted":
		t, ok := s.stage.(transform.Stage)
		if !ok {
			return wire.Message{}, noMethod("stage that fits no transform", method)
		}
		return s.peer.answerFitted(t.Fitted, m)
	default:
		return wire.Message{}, noMethod("stage", method)
	}
	in, err := s.peer.inputs(m.Ports, func(use string) string { return use })
	if err != nil {
		return wire.Message{}, err
	}
	out, err := do(ctx, in)
	if err != nil {
		return wire.Message{}, err
	}
	o, err := s.peer.offerOutputs(out)
	if err != nil {
		return wire.Message{}, err
	}
	s.mu.Lock()
	s.out = out
	s.mu.Unlock()
	return wire.Message{Outputs: o}, nil
}
