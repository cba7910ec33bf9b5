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
	CallTimeout  time.Duration           // for opening an instance; 0 is no limit
	StallTimeout time.Duration           // without a sign of life while an answer is awaited; 0 is no limit
	Heartbeat    bool                    // ask for signs of life while work goes on
	Inline       bool                    // offer no shared memory
	Explain      func(err error) error   // why a session broke: a process may have ended
	As           func(use string) string // the name of an implementation on this side; nil: its own
	Parts        func() flow.Registry    // what the flows that it opens are made of; nil: it has everything itself
}

// Instance is a stage in another process.
type Instance struct {
	peer   *peer
	as     naming
	config json.RawMessage
	cancel context.CancelFunc
	done   chan struct{} // the goroutines of the session have ended
	stream wire.Stream
	once   sync.Once

	watching sync.WaitGroup
}

// Open makes an instance of kind/use on the other side. It lives until Close.
func Open(ctx context.Context, client pluginpb.PluginClient, kind, use string, config json.RawMessage, env pipeline.Env, o Options) (*Instance, pipeline.Stage, error) {
	as := naming(o.As)
	if as == nil {
		as = func(use string) string { return use }
	}
	explain := o.Explain
	if explain == nil {
		explain = func(err error) error { return err }
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
	// The stream outlives ctx, which is that of opening.
	alive, cancel := context.WithCancel(context.Background())
	stop := context.AfterFunc(ctx, cancel)
	var late *time.Timer
	if o.CallTimeout > 0 {
		late = time.AfterFunc(o.CallTimeout, cancel)
	}
	opened, stream, err := hello(alive, client, open)
	if pair != nil {
		// The plugin has opened them, or never will.
		pair.Out.Opened()
		pair.In.Opened()
		if err != nil || !slices.Contains(opened.GetCapabilities(), canShare) {
			pair.Release()
			pair = nil
		}
	}
	expired := late != nil && !late.Stop()
	if !stop() && ctx.Err() != nil {
		if pair != nil {
			pair.Release()
		}
		cancel()
		return nil, nil, ctx.Err()
	}
	if err != nil || expired {
		if pair != nil {
			pair.Release()
		}
		cancel()
		if expired {
			err = schemas.Errorf(schemas.PluginTimeout, "%s/%s was not opened within %s", kind, use, o.CallTimeout).
				Suggest("raise call_timeout when opening may take so long")
		}
		var fault *schemas.Error
		if errors.As(err, &fault) && !expired {
			return nil, nil, err
		}
		return nil, nil, explain(err)
	}
	i := &Instance{peer: newPeer(), as: as, config: config, cancel: cancel, done: make(chan struct{}), stream: stream}
	i.peer.who, i.peer.parts, i.peer.threads = as(use), o.Parts, env.Threads
	if env.Stage != "" {
		i.peer.who = fmt.Sprintf("%s (%s)", env.Stage, as(use))
	}
	i.peer.session = wire.NewSession(stream, wire.Options{Host: true, Handler: i.peer.handle, CallTimeout: o.CallTimeout, Stall: o.StallTimeout, Shared: pair,
		Explain: explain, Abort: func(error) { cancel() }, Progress: progressTo(env.Emit)})
	go func() {
		defer close(i.done)
		_ = i.peer.session.Run()
	}()
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
	case <-i.done:
	}
}

// Close ends the instance: it is asked to, and after ctx it is made to. Every
// goroutine of the session has ended when Close returns.
func (i *Instance) Close(ctx context.Context) error {
	i.once.Do(func() {
		// Also sending ends with ctx, when nobody reads.
		defer context.AfterFunc(ctx, i.cancel)()
		if i.peer.session.SendClose() == nil {
			if s, ok := i.stream.(interface{ CloseSend() error }); ok {
				_ = s.CloseSend()
			}
			select {
			case <-i.done:
			case <-ctx.Done():
			}
		}
		i.cancel()
		<-i.done
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
