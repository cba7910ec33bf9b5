package plugins

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins/launch"
	"github.com/pathline/pathline/plugins/remote"
	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
)

// Replayed is what came of a bundle.
type Replayed struct {
	Crash   Crash    `json:"crash"`   // what had happened
	Again   bool     `json:"again"`   // it happened again
	Cut     bool     `json:"cut"`     // the bundle does not hold everything
	Beyond  bool     `json:"beyond"`  // the plugin went on past what the bundle holds
	Answers []string `json:"answers"` // when it did not: what the last calls were answered
	Err     error    `json:"-"`       // what happened now, nil when nothing did
}

// ReadCrash reads report.json of a bundle.
func ReadCrash(bundle string) (*Crash, error) {
	f, err := os.Open(filepath.Join(bundle, reportFile))
	if err != nil {
		return nil, pipeline.FileError(err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxReportFile+1))
	if err != nil {
		return nil, pipeline.FileError(err)
	}
	c := &Crash{}
	if err := json.Unmarshal(raw, c); err != nil || len(raw) > maxReportFile {
		return nil, schemas.Errorf(schemas.CorruptFile, "%s is not the report of a crash", filepath.Join(bundle, reportFile))
	}
	if c.Version != 1 {
		return nil, schemas.Errorf(schemas.Version, "the bundle is of version %d, this host reads version 1", c.Version)
	}
	return c, nil
}

// Replay starts the plugin of a bundle, or command when it is not empty, opens
// the same instance, makes the same calls with the same bytes, and answers its
// calls as they were answered. What it would write goes to a folder that is
// removed.
func (h *Host) Replay(ctx context.Context, bundle string, command ...string) (*Replayed, error) {
	crash, err := ReadCrash(bundle)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(bundle, framesFile))
	if err != nil {
		return nil, pipeline.FileError(err)
	}
	defer f.Close()
	recording, err := wire.ReadRecording(f)
	if err != nil {
		return nil, err
	}
	p := Plugin{Command: crash.Process.Command, Address: crash.Process.Address, Dir: crash.Process.Dir, NoBundle: true}
	if len(command) > 0 {
		p = Plugin{Command: command, NoBundle: true}
	}
	dir, err := os.MkdirTemp("", "pathline-replay-")
	if err != nil {
		return nil, pipeline.FileError(err)
	}
	defer os.RemoveAll(dir)
	if s := recording.Open.GetSurroundings(); s != nil {
		s.Out, s.State, s.Resume = dir, filepath.Join(dir, "state"), false
		if err := os.Mkdir(s.State, 0o700); err != nil {
			return nil, pipeline.FileError(err)
		}
	}
	name := crash.Plugin
	if name == "" {
		name = "plugin"
	}
	running, err := h.start(ctx, name, p)
	out := &Replayed{Crash: *crash, Cut: crash.Cut || recording.Cut, Answers: []string{}}
	if err == nil {
		err = out.play(ctx, running, recording)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	out.Err = err
	var e *schemas.Error
	out.Again = errors.As(err, &e) && e.Reason == crash.Reason && sameEnding(crash.Process, running)
	return out, nil
}

// sameEnding compares how a process ended then and now.
func sameEnding(then launch.Report, running *launch.Plugin) bool {
	if running == nil || !then.Ended {
		return true
	}
	now := running.Report()
	if len(then.Stacks) > 0 || len(now.Stacks) > 0 {
		return true // it hung, and the host ended it
	}
	return now.Ended && now.Signal == then.Signal && now.ExitCode == then.ExitCode
}

// play does what the recording says.
func (r *Replayed) play(ctx context.Context, running *launch.Plugin, recording *wire.Recording) error {
	o := remote.Options{CallTimeout: r.Crash.CallTimeout, StallTimeout: r.Crash.StallTimeout, Heartbeat: r.Crash.Heartbeat}
	if o.StallTimeout == 0 {
		o.StallTimeout = time.Minute
	}
	recorder := &wire.Recorder{Keep: remote.Keeps}
	what := r.Crash.Kind + "/" + r.Crash.Use
	o.Explain = func(err error) error {
		during := ", opening " + what
		if seq, _, method, ok := recorder.Last(); ok {
			during = fmt.Sprintf(", in call %d (%s) of %s", seq, method, what)
		}
		return running.ExplainDuring(err, during)
	}
	o.Recorder = recorder
	i, s, err := remote.Replay(ctx, running.Client(), recording, o)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		i.Close(closing)
	}()
	flight := len(recording.Calls) - recording.Flight
	for _, c := range recording.Calls[:flight] {
		if _, err := s.Call(ctx, c.Target, c.Method, c.Message); err != nil {
			return err
		}
	}
	last := recording.Calls[flight:]
	errs, answers := make([]error, len(last)), make([]string, len(last))
	var all sync.WaitGroup
	for k, c := range last {
		all.Go(func() { answers[k], errs[k] = repeat(ctx, s, c) })
	}
	all.Wait()
	if r.Beyond = recording.Beyond(); r.Beyond && s.Err() == nil {
		return nil // it did not fail where it had; what it asked for then nobody knows
	}
	r.Answers = answers
	return errors.Join(errs...)
}

// repeat makes one of the last calls and says what it was answered.
func repeat(ctx context.Context, s *wire.Session, c wire.RecordedCall) (string, error) {
	if !c.Reads {
		out, err := s.Call(ctx, c.Target, c.Method, c.Message)
		if err != nil {
			return "", err
		}
		return c.Method + ": " + shapes(out.Batches), nil
	}
	rows, err := s.Read(ctx, c.Target, c.Method, c.Message)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var n, batches int64
	for {
		rec, err := rows.Next(ctx)
		if err == io.EOF {
			return fmt.Sprintf("%s: %d rows in %d batches", c.Method, n, batches), nil
		}
		if err != nil {
			return "", err
		}
		n, batches = n+rec.NumRows(), batches+1
		rec.Release()
	}
}

func shapes(recs []arrow.Record) string {
	if len(recs) == 0 {
		return "no batch"
	}
	var out []string
	for _, rec := range recs {
		var columns []string
		for _, f := range rec.Schema().Fields() {
			columns = append(columns, f.Name+" "+f.Type.String())
		}
		out = append(out, fmt.Sprintf("%d rows of (%s)", rec.NumRows(), strings.Join(columns, ", ")))
	}
	return strings.Join(out, "; ")
}
