package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins/segment"
	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
	"github.com/pathline/pathline/stages/flow"
)

// Capabilities of an instance.
const (
	canFingerprint = "fingerprint" // its outputs depend on bytes outside of the pipeline
	canRestore     = "restore"     // it can give its outputs again without doing the work
	canShare       = "shm"         // it has opened the shared memory that was offered
)

// Options say how a host speaks with one plugin.
type Options struct {
	CallTimeout  time.Duration                           // for opening an instance; 0 is no limit
	StallTimeout time.Duration                           // without a sign of life while an answer is awaited; 0 is no limit
	Heartbeat    bool                                    // ask for signs of life while work goes on
	Inline       bool                                    // offer no shared memory
	Recorder     *wire.Recorder                          // of this instance; nil: nothing is recorded
	Explain      func(err error) error                   // why a session broke: a process may have ended
	As           func(use string) string                 // the name of an implementation on this side; nil: its own
	Stateless    bool                                    // a call may be repeated in a new process
	Restart      func(ctx context.Context) (Life, error) // of one that is stateless; nil: never
	Parts        func() flow.Registry                    // what the flows that it opens are made of; nil: it has everything itself
}

// Instance is a stage in another process.
type Instance struct {
	peer   *peer
	as     naming
	config json.RawMessage
	emit   func(pipeline.Event)
	once   sync.Once
	closed chan struct{}

	handler wire.Handler // nil: the peer answers
	explain func(error) error

	mu    sync.Mutex
	lives []*life // the last is the one that is used

	watching sync.WaitGroup
}

// Open makes an instance of kind/use on the other side. It lives until Close.
func Open(ctx context.Context, client pluginpb.PluginClient, kind, use string, config json.RawMessage, env pipeline.Env, o Options) (*Instance, pipeline.Stage, error) {
	as := naming(o.As)
	if as == nil {
		as = func(use string) string { return use }
	}
	surroundings, err := surroundingsOf(env)
	if err != nil {
		return nil, nil, err
	}
	pair, offer := share(o.Inline)
	open := &pluginpb.Open{SharedMemory: offer, Kind: kind, Use: use, Config: config, Surroundings: surroundings,
		WindowBytes: wire.WindowBytes, FrameBytes: wire.FrameBytes}
	if o.Heartbeat && o.StallTimeout > 0 {
		open.HeartbeatMs = uint32(max(o.StallTimeout.Milliseconds()/10, 1))
	}
	if o.Recorder != nil {
		o.Recorder.Open = open
	}
	i := &Instance{peer: newPeer(), as: as, config: config, emit: env.Emit, closed: make(chan struct{})}
	i.peer.who, i.peer.parts, i.peer.threads = as(use), o.Parts, env.Threads
	if env.Stage != "" {
		i.peer.who = fmt.Sprintf("%s (%s)", env.Stage, as(use))
	}
	opened, session, err := i.begin(ctx, client, open, pair, o)
	if err != nil {
		return nil, nil, err
	}
	if i.explain = o.Explain; i.explain == nil {
		i.explain = func(err error) error { return err }
	}
	i.peer.session = newLine(session)
	if o.Restart != nil {
		i.peer.session.again = func(ctx context.Context) (*wire.Session, error) { return i.again(ctx, open, o) }
	}
	if env.Stop != nil {
		i.watching.Add(1)
		go i.watchStop(env.Stop)
	}
	can := map[string]bool{}
	for _, c := range opened.GetCapabilities() {
		can[c] = true
	}
	s := stage{i}
	switch {
	case can[canFingerprint] && can[canRestore]:
		return i, struct {
			stage
			fingerprinter
			restorer
		}{s, fingerprinter{i}, restorer{i}}, nil
	case can[canFingerprint]:
		return i, struct {
			stage
			fingerprinter
		}{s, fingerprinter{i}}, nil
	case can[canRestore]:
		return i, struct {
			stage
			restorer
		}{s, restorer{i}}, nil
	}
	return i, s, nil
}

// share makes the shared memory of a session, where the system has it. Results
// are the same without.
func share(inline bool) (*segment.Pair, *pluginpb.SharedMemory) {
	if inline {
		return nil, nil
	}
	p, o, err := segment.Make(wire.SegmentBytes)
	if err != nil {
		return nil, nil
	}
	return &p, &pluginpb.SharedMemory{HostSegment: o.Out, PluginSegment: o.In, Bytes: uint64(o.Bytes), Label: o.Label}
}

// shareOf opens the shared memory that a host offers. One that cannot be opened
// here is not used.
func shareOf(m *pluginpb.SharedMemory) *segment.Pair {
	if m == nil {
		return nil
	}
	p, err := segment.Open(segment.Offer{Out: m.GetHostSegment(), In: m.GetPluginSegment(),
		Bytes: int(min(m.GetBytes(), math.MaxInt)), Label: m.GetLabel()})
	if err != nil {
		return nil
	}
	return &p
}

// begin opens a session in a process and runs it. It lets go of the shared
// memory, which may be nil.
func (i *Instance) begin(ctx context.Context, client pluginpb.PluginClient, open *pluginpb.Open, pair *segment.Pair, o Options) (*pluginpb.Opened, *wire.Session, error) {
	explain := o.Explain
	if explain == nil {
		explain = func(err error) error { return err }
	}
	// The stream outlives ctx, which is that of opening.
	alive, cancel := context.WithCancel(context.Background())
	stop := context.AfterFunc(ctx, cancel)
	patience, key := o.CallTimeout, "call_timeout"
	if patience == 0 {
		patience, key = o.StallTimeout, "stall_timeout" // opening says nothing before its end
	}
	var late *time.Timer
	if patience > 0 {
		late = time.AfterFunc(patience, cancel)
	}
	opened, stream, err := hello(alive, client, open)
	runs := false
	if pair != nil {
		// The plugin has opened them, or never will.
		pair.Out.Opened()
		pair.In.Opened()
		defer func(p *segment.Pair) {
			if !runs || pair == nil { // a session lets go of it at its end
				p.Release()
			}
		}(pair)
		if err != nil || !slices.Contains(opened.GetCapabilities(), canShare) {
			pair = nil
		}
	}
	expired := late != nil && !late.Stop()
	if !stop() && ctx.Err() != nil {
		cancel()
		return nil, nil, ctx.Err()
	}
	if err != nil || expired {
		cancel()
		if expired {
			err = schemas.Errorf(schemas.PluginTimeout, "%s/%s was not opened within %s", open.GetKind(), open.GetUse(), patience).
				Suggest("raise " + key + " when opening may take so long")
		}
		var fault *schemas.Error
		if errors.As(err, &fault) && !expired && fault.Reason != schemas.PluginProtocol {
			return nil, nil, err
		}
		return nil, nil, explain(err)
	}
	handler := i.handler
	if handler == nil {
		handler = i.peer.handle
	}
	s := wire.NewSession(stream, wire.Options{Host: true, Handler: handler, CallTimeout: o.CallTimeout, Stall: o.StallTimeout, Shared: pair,
		Recorder: o.Recorder, Explain: explain, Abort: func(error) { cancel() }, Progress: progressTo(i.emit)})
	l := &life{stream, cancel, make(chan struct{})}
	i.mu.Lock()
	select {
	case <-i.closed:
		i.mu.Unlock()
		cancel()
		return nil, nil, schemas.Errorf(schemas.Interrupted, "%s/%s is closed", open.GetKind(), open.GetUse())
	default:
		i.lives = append(i.lives, l)
		i.mu.Unlock()
	}
	runs = true
	go func() {
		defer close(l.done)
		_ = s.Run()
	}()
	return opened, s, nil
}

// hello starts a stream, opens the instance and waits for the answer.
func hello(ctx context.Context, client pluginpb.PluginClient, open *pluginpb.Open) (*pluginpb.Opened, pluginpb.Plugin_SessionClient, error) {
	stream, err := client.Session(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := stream.Send(&pluginpb.Frame{Body: &pluginpb.Frame_Open{Open: open}}); err != nil && err != io.EOF {
		return nil, nil, err
	}
	f, err := stream.Recv()
	if err == io.EOF {
		err = schemas.Errorf(schemas.PluginProtocol, "the session ended before it began")
	}
	if err != nil {
		return nil, nil, err
	}
	switch b := f.Body.(type) {
	case *pluginpb.Frame_Result:
		return b.Result.GetOpened(), stream, nil
	case *pluginpb.Frame_Fault:
		return nil, nil, wire.ErrorOf(b.Fault.GetDiagnostics())
	}
	return nil, nil, schemas.Errorf(schemas.PluginProtocol, "a session does not begin with an answer to open")
}

func surroundingsOf(env pipeline.Env) (*pluginpb.Surroundings, error) {
	s := &pluginpb.Surroundings{Stage: env.Stage, Seed: env.Seed, Threads: int64(env.Threads), Memory: env.Memory,
		Resume: env.Resume, Key: env.Key, LogLevel: env.Log.GetLevel().String()}
	for _, d := range []struct {
		from string
		to   *string
	}{{env.Dir, &s.Dir}, {env.Out, &s.Out}, {env.State, &s.State}} {
		if d.from == "" && d.to != &s.Dir {
			continue
		}
		// The plugin may have another working folder.
		name, err := filepath.Abs(d.from)
		if err != nil {
			return nil, pipeline.FileError(err)
		}
		*d.to = name
	}
	return s, nil
}

// maxEvent bounds an event that another process reports.
const maxEvent = 1 << 20

func progressTo(emit func(pipeline.Event)) func([]byte) {
	if emit == nil {
		return nil
	}
	return func(raw []byte) {
		var e pipeline.Event
		if len(raw) <= maxEvent && json.Unmarshal(raw, &e) == nil {
			emit(e)
		}
	}
}

// watchStop passes the first interrupt on.
func (i *Instance) watchStop(stop <-chan struct{}) {
	defer i.watching.Done()
	select {
	case <-stop:
		_ = i.peer.session.Stop()
	case <-i.closed:
	}
}

// Close ends the instance: it is asked to, and after ctx it is made to. Every
// goroutine of the session has ended when Close returns.
func (i *Instance) Close(ctx context.Context) error {
	i.once.Do(func() {
		i.mu.Lock()
		close(i.closed)
		lives := i.lives
		i.mu.Unlock()
		l := lives[len(lives)-1]
		// Also sending ends with ctx, when nobody reads.
		defer context.AfterFunc(ctx, l.cancel)()
		if i.peer.session.SendClose() == nil {
			if s, ok := l.stream.(interface{ CloseSend() error }); ok {
				_ = s.CloseSend()
			}
			select {
			case <-l.done:
			case <-ctx.Done():
			}
		}
		for _, l := range lives {
			l.cancel()
			<-l.done
		}
		i.watching.Wait()
	})
	return nil
}

// Err is why the instance ended, or nil.
func (i *Instance) Err() error { return i.peer.session.Err() }

// stage is the pipeline.Stage of an instance.
type stage struct{ *Instance }

// Check implements pipeline.Stage.
func (s stage) Check(ctx context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	return s.ask(ctx, "check", in)
}

// Run implements pipeline.Stage.
func (s stage) Run(ctx context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	return s.ask(ctx, "run", in)
}

func (i *Instance) ask(ctx context.Context, method string, in pipeline.Inputs) (pipeline.Outputs, error) {
	ports, err := i.peer.offerInputs(in)
	if err != nil {
		return pipeline.Outputs{}, err
	}
	m, err := i.peer.session.Call(ctx, "", method, wire.Message{Ports: ports})
	if err != nil {
		return pipeline.Outputs{}, interrupted(err)
	}
	out, err := i.peer.outputs(m.Outputs, i.as)
	var e *schemas.Error
	if errors.As(err, &e) && e.Reason == schemas.PluginProtocol {
		err = i.explain(err) // it names the plugin; the session may go on
	}
	if err != nil {
		return pipeline.Outputs{}, err
	}
	return out, i.nameTransforms(out.Rows, transformsBefore(in["data"]))
}

// interrupted gives the interrupt of the framework its identity.
func interrupted(err error) error {
	var e *schemas.Error
	if errors.As(err, &e) && e.Reason == schemas.Interrupted {
		return pipeline.ErrInterrupted
	}
	return err
}

type fingerprinter struct{ i *Instance }

// Fingerprint implements pipeline.Fingerprinter.
func (f fingerprinter) Fingerprint(ctx context.Context) (s string, err error) {
	_, err = remote{f.i.peer, ""}.call(ctx, "fingerprint", nil, wire.Message{}, &s)
	return s, err
}

type restorer struct{ i *Instance }

// Restore implements pipeline.Restorer.
func (r restorer) Restore(ctx context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	return r.i.ask(ctx, "restore", in)
}

// levelOf reads the level of a log; what is unknown logs everything.
func levelOf(s string) zerolog.Level {
	l, err := zerolog.ParseLevel(s)
	if err != nil {
		return zerolog.DebugLevel
	}
	return l
}
