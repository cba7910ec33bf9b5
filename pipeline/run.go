package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/gofrs/flock"
	"github.com/rs/zerolog"

	"github.com/pathline/pathline/schemas"
)

// RunOptions are what a run gets from its surroundings.
type RunOptions struct {
	PlanOptions
	Resume  bool                           // continue stages from their checkpoints
	Threads int                            // default GOMAXPROCS
	Memory  int64                          // bytes that a stage may hold; default 512 MiB
	Log     zerolog.Logger                 // default none
	Events  func(Event)                    // called one at a time
	Version string                         // of the program, for the record
	Plugins func() map[string]PluginRecord // for the record, asked at the end of the run; nil: none
	Stop    <-chan struct{}                // closed: stop at the next safe point and save
}

// DefaultMemory is the budget of a stage when none is given.
const DefaultMemory = 512 << 20

// runner is one run of a pipeline.
type runner struct {
	p      *Pipeline
	o      RunOptions
	plan   *Plan
	record *Record
	done   map[*stage]Outputs

	emitting sync.Mutex
}

// Run does what Plan says. The record is also written to run.json, whatever
// the outcome; it is nil only when nothing could be started. The error joins
// *schemas.Error values that name the stage.
func (p *Pipeline) Run(ctx context.Context, o RunOptions) (*Record, error) {
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	for option, names := range map[string][]string{"--only": o.Only, "--from": o.From} {
		if _, err := p.named(names, option); err != nil {
			return nil, err
		}
	}
	o.Out = p.out(o.PlanOptions)
	unlock, err := lock(o.Out)
	if err != nil {
		return nil, err
	}
	defer unlock()
	// The plan is made under the lock: what it finds up to date, no other run
	// replaces before this one reads it.
	plan, err := p.Plan(ctx, o.PlanOptions)
	if err != nil {
		return nil, err
	}
	removePartials(plan.Out)
	// A run that is killed leaves no record, rather than that of an earlier one
	// beside files which it has replaced.
	if err := removeFile(filepath.Join(plan.Out, recordFile)); err != nil {
		return nil, err
	}
	r := &runner{p: p, o: o, plan: plan, done: map[*stage]Outputs{}, record: &Record{
		Version: 1, Name: p.Name, Seed: p.Seed, Started: time.Now().UTC(), Host: hostRecord(o.Version),
		Stages: map[string]StageRecord{}, File: p.resolvedFile(), Out: plan.Out, Status: RunDone}}
	r.emit(Event{Type: RunStarted, File: plan.Out})
	err = r.run(ctx)
	r.record.Seconds = time.Since(r.record.Started).Seconds()
	if err != nil {
		r.record.Status = RunFailed
		if isInterrupt(err) {
			r.record.Status = RunInterrupted
		}
		r.record.Error = err.Error()
	}
	if o.Plugins != nil {
		r.record.Plugins = o.Plugins()
	}
	if e := r.record.save(); e != nil && err == nil {
		err = e
	}
	r.emit(Event{Type: RunEnded, Status: r.record.Status, Seconds: r.record.Seconds})
	return r.record, err
}

// lock makes sure that one run at a time writes to an output folder. The file
// system releases the lock with the process, however it ends.
func lock(out string) (func(), error) {
	if err := os.MkdirAll(filepath.Join(out, stateFolder), 0o777); err != nil {
		return nil, FileError(err)
	}
	l := flock.New(filepath.Join(out, stateFolder, lockFile))
	ok, err := l.TryLock()
	if err != nil {
		return nil, FileError(err)
	}
	if !ok {
		return nil, schemas.Errorf(schemas.FileAccess, "another run writes to %s", out).Suggest("wait for it, or choose another folder with --out")
	}
	return func() { _ = l.Close() }, nil
}

// removePartials clears away what a run that was killed left unfinished. The
// lock is held: nobody is writing these.
func removePartials(out string) {
	_ = filepath.WalkDir(out, func(name string, d fs.DirEntry, err error) error {
		if ok, _ := filepath.Match(".*"+partialEnding, filepath.Base(name)); ok && err == nil && d.Type().IsRegular() {
			os.Remove(name)
		}
		return nil
	})
}

func isInterrupt(err error) bool {
	var e *schemas.Error
	return errors.Is(err, context.Canceled) || errors.As(err, &e) && e.Reason == schemas.Interrupted
}

func (r *runner) emit(e Event) {
	if r.o.Events == nil {
		return
	}
	e.Time = time.Now().UTC()
	r.emitting.Lock()
	defer r.emitting.Unlock()
	r.o.Events(e)
}

func (r *runner) run(ctx context.Context) error {
	var failure error
	for i, s := range r.p.stages {
		row := r.plan.Stages[i]
		rec := StageRecord{Kind: row.Kind, Use: row.Use, Why: row.Why, Outputs: map[string]FileDigest{}}
		r.record.Order = append(r.record.Order, s.name)
		switch {
		case failure != nil:
			rec.Status, rec.Why = StatusSkipped, "the run ended before it"
		case row.Action == ActionSkip:
			rec.Status = StatusSkipped
		case row.Action == ActionUpToDate:
			last := r.plan.work[s].last
			rec.Status, rec.Rows, rec.Outputs = StatusUpToDate, last.Rows, last.Outputs
			rec.Seconds, rec.Summary, rec.Metrics = last.Seconds, last.Summary, last.Metrics
			rec.Evaluations = number(last.Summary["evaluations"])
			r.reports(s, last.Report)
			r.emit(Event{Type: StageEnded, Stage: s.name, Status: StatusUpToDate, Why: row.Why, Rows: last.Rows})
		default:
			failure = r.runStage(ctx, s, row, &rec)
		}
		r.record.Stages[s.name] = rec
	}
	return failure
}

func (r *runner) reports(s *stage, items []ReportItem) {
	if len(items) > 0 {
		r.record.Reports = append(r.record.Reports, StageReport{s.name, s.kind.Name, s.impl.Name, items})
	}
}

// runStage runs one stage and keeps what it leaves.
func (r *runner) runStage(ctx context.Context, s *stage, row PlanStage, rec *StageRecord) error {
	start := time.Now()
	r.emit(Event{Type: StageStarted, Stage: s.name, Why: row.Why})
	state := &stageState{Key: r.plan.work[s].key, FileKey: r.plan.work[s].fileKey, Components: r.plan.work[s].components}
	err := r.stopped(ctx)
	if err == nil {
		// What the last run said is void from here on: its files are about to
		// be replaced.
		err = removeFile(s.statePath(r.plan.Out, "stage.json"))
	}
	if err == nil {
		err = protect(func() error { return r.work(ctx, s, state) })
	}
	state.Seconds = time.Since(start).Seconds()
	rec.Seconds, rec.Rows, rec.Summary, rec.Metrics = state.Seconds, state.Rows, state.Summary, state.Metrics
	rec.Evaluations = number(state.Summary["evaluations"])
	rec.Status = StatusRan
	if state.Outputs != nil {
		rec.Outputs = state.Outputs
	}
	if err == nil {
		err = r.keep(s, state)
	}
	if err != nil {
		if ctx.Err() != nil && !isInterrupt(err) {
			err = errors.Join(ErrInterrupted)
		}
		rec.Status = StatusFailed
		if isInterrupt(err) {
			rec.Status = StatusInterrupted
			err = interruption(s)
		}
		var p *PanicError
		if errors.As(err, &p) {
			r.o.Log.Debug().Str("stage", s.name).Str("stack", string(p.Stack)).Msg("programming error")
		}
		err = inStage(s, err)
		rec.Error = err.Error()
	}
	r.reports(s, state.Report)
	r.emit(Event{Type: StageEnded, Stage: s.name, Status: rec.Status, Why: rec.Why, Seconds: rec.Seconds, Rows: rec.Rows, Values: rec.Metrics, Message: rec.Error})
	return err
}

func interruption(s *stage) error {
	e := *ErrInterrupted.(*schemas.Error)
	return &e
}

func number(v any) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case int64:
		return float64(v)
	case int:
		return float64(v)
	}
	return 0
}

func removeFile(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return FileError(err)
	}
	return nil
}

func (r *runner) stopped(ctx context.Context) error {
	select {
	case <-r.o.Stop:
		return ErrInterrupted
	case <-ctx.Done():
		return ErrInterrupted
	default:
		return nil
	}
}

// env is what a stage gets when it runs.
func (r *runner) env(s *stage) (Env, error) {
	out, err := filepath.Abs(r.plan.Out)
	if err != nil {
		return Env{}, FileError(err)
	}
	e := r.p.env(s)
	e.Out, e.State = out, s.statePath(out, "")
	e.Threads, e.Memory, e.Resume, e.Key = r.o.Threads, r.o.Memory, r.o.Resume, r.plan.work[s].key
	e.Alloc, e.Stop = memory.DefaultAllocator, r.o.Stop
	e.Log = r.o.Log.With().Str("stage", s.name).Logger()
	e.Emit = func(v Event) {
		v.Stage = s.name
		r.emit(v)
	}
	return e, FileError(os.MkdirAll(e.State, 0o777))
}

// work runs the stage and writes its rows.
func (r *runner) work(ctx context.Context, s *stage, state *stageState) error {
	inst, in, env, err := r.prepare(ctx, s)
	if err != nil {
		return err
	}
	out, err := inst.Run(ctx, in)
	if err != nil {
		return err
	}
	state.Outputs = map[string]FileDigest{}
	for _, f := range out.Files {
		d, err := digestFile(ctx, filepath.Join(env.Out, f))
		if err != nil {
			return err
		}
		state.Outputs[filepath.ToSlash(f)] = d
		r.emit(Event{Type: StageFile, Stage: s.name, File: f})
	}
	if s.kind.Gives == GivesRows {
		if err := r.writeRows(ctx, s, &out, state); err != nil {
			return err
		}
	}
	state.Summary, state.Metrics, state.Report = out.Summary, out.Metrics, out.Report
	r.done[s] = out
	return nil
}

func (r *runner) prepare(ctx context.Context, s *stage) (Stage, Inputs, Env, error) {
	env, err := r.env(s)
	if err != nil {
		return nil, nil, env, err
	}
	in, err := r.p.inputs(ctx, s, func(p *stage) (Outputs, error) { return r.outputs(ctx, p, s) }, &env)
	if err != nil {
		return nil, nil, env, err
	}
	inst, err := s.impl.Build(ctx, env, s.config)
	if err != nil {
		return nil, nil, env, err
	}
	// Check sees real inputs once more: what a plan could not know (the columns
	// of a file that a stage has just written) is checked before work begins.
	if _, err := inst.Check(ctx, in); err != nil {
		return nil, nil, env, err
	}
	return inst, in, env, nil
}

// outputs gives what a producer gave in this run, or gives it again: rows and
// services that are not stored are made anew, files are opened.
func (r *runner) outputs(ctx context.Context, p, consumer *stage) (Outputs, error) {
	if out, ok := r.done[p]; ok {
		return out, nil
	}
	w := r.plan.work[p]
	stored := p.kind.Stored || p.kind.Gives == GivesFlow
	if stored && w.action == ActionSkip {
		if _, why := w.compare(r.plan.Out); why != "" {
			return Outputs{}, schemas.Errorf(schemas.StaleInput, "%s needs the result of %s, which is not to be run: %s", consumer.name, p.name, why).
				Suggest("run it too: --only " + p.name + " --only " + consumer.name)
		}
	}
	inst, in, _, err := r.prepare(ctx, p)
	if err != nil {
		return Outputs{}, err
	}
	var out Outputs
	switch {
	case p.kind.Stored:
		out = p.planned
		err = r.openRows(ctx, p, &out)
	case stored:
		restorer, ok := inst.(Restorer)
		if !ok {
			return Outputs{}, fmt.Errorf("%s/%s cannot give its result again", p.kind.Name, p.impl.Name)
		}
		out, err = restorer.Restore(ctx, in)
	default:
		out, err = inst.Run(ctx, in)
	}
	if err == nil {
		r.done[p] = out
	}
	return out, err
}

// keep writes down what identifies the result, last: from then on it is up to
// date.
func (r *runner) keep(s *stage, state *stageState) error {
	for i := range state.Report {
		raw, err := json.Marshal(state.Report[i].Data)
		if err != nil {
			r.o.Log.Warn().Str("stage", s.name).Err(err).Msg("left out of the report")
			raw = json.RawMessage("null")
		}
		state.Report[i].Data = json.RawMessage(raw)
	}
	raw, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return WriteFile(s.statePath(r.plan.Out, "stage.json"), raw)
}
