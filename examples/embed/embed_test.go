package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages"
)

// spec is pipeline.yaml, built in code.
func spec(steps int) pipeline.Spec {
	type from = map[string]any
	type with = map[string]any
	return pipeline.Spec{Name: "embed", Seed: 5, Params: map[string]any{"steps": steps}, Stages: []pipeline.StageSpec{
		{Name: "data", Kind: "loader", Use: "generate", With: with{"name": "moons", "rows": 4000, "split": map[string]float64{"train": 0.8, "test": 0.2}}},
		{Name: "scaled", Kind: "transform", Use: "standardize", From: from{"data": "data"}},
		{Name: "field", Kind: "model", Use: "mlp", With: with{"hidden": []int{32, 32}}},
		{Name: "solver", Kind: "solver", Use: "midpoint", With: with{"steps": 20}},
		{Name: "train", Kind: "trainer", Use: "cfm", From: from{"data": "scaled.train", "model": "field"},
			With: with{"steps": "${params.steps}", "batch": 128, "optimizer": with{"use": "adamw", "lr": 5e-3}}},
		{Name: "samples", Kind: "sampler", Use: "ode", From: from{"flow": "train", "solver": "solver"}, With: with{"rows": 800}, To: "samples.parquet"},
		{Name: "quality", Kind: "evaluator", Use: "two-sample", From: from{"data": "data.test", "sample": "samples"}},
	}}
}

func inCode(t *testing.T, steps int) *pipeline.Pipeline {
	t.Helper()
	p, err := pipeline.New(context.Background(), spec(steps), stages.Builtin(), pipeline.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func fromFile(t *testing.T) *pipeline.Pipeline {
	t.Helper()
	p, err := pipeline.Load(context.Background(), "pipeline.yaml", stages.Builtin(), pipeline.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A pipeline from a file and the same one from code, run at once in one
// process, give the same bytes and each its own events.
func TestTwoAtOnce(t *testing.T) {
	defer goleak.VerifyNone(t)
	defer silent(t)()
	pipelines := []*pipeline.Pipeline{fromFile(t), inCode(t, 200)}
	out := []string{t.TempDir(), t.TempDir()}
	events := make([][]pipeline.Event, 2)
	errs := make([]error, 2)
	var both sync.WaitGroup
	for i, p := range pipelines {
		both.Go(func() {
			_, errs[i] = p.Run(context.Background(), pipeline.RunOptions{
				PlanOptions: pipeline.PlanOptions{Out: out[i]},
				Threads:     i + 1,
				Events:      func(e pipeline.Event) { events[i] = append(events[i], e) },
			})
		})
	}
	both.Wait()
	for i := range pipelines {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		last := events[i][len(events[i])-1]
		if events[i][0].Type != pipeline.RunStarted || events[i][0].File != out[i] || last.Type != pipeline.RunEnded || last.Status != pipeline.RunDone {
			t.Errorf("run %d: events from %+v to %+v", i, events[i][0], last)
		}
		if n := ended(events[i]); n != 7 {
			t.Errorf("run %d: %d stages ended, not 7", i, n)
		}
		if p := progress(events[i], "train"); p.Done != 200 || p.Total != 200 || p.Unit != "steps" {
			t.Errorf("run %d: the last progress of training is %+v", i, p)
		}
	}
	for _, name := range []string{"train.safetensors", "samples.parquet", "quality.json"} {
		if !bytes.Equal(read(t, out[0], name), read(t, out[1], name)) {
			t.Errorf("%s differs", name)
		}
	}
}

// The end of a context stops a run at once; nothing is left half written, and
// nothing keeps running.
func TestCancel(t *testing.T) {
	defer goleak.VerifyNone(t)
	defer silent(t)()
	out := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	record, err := inCode(t, 1e7).Run(ctx, pipeline.RunOptions{
		PlanOptions: pipeline.PlanOptions{Out: out},
		Events: func(e pipeline.Event) {
			if e.Stage == "train" && e.Done > 0 {
				cancel()
			}
		},
	})
	interrupted(t, record, err)
	absent(t, out)
}

// Stop ends a run at the next safe point; with Resume it goes on to the bytes
// of a run that was never stopped.
func TestStopAndResume(t *testing.T) {
	defer goleak.VerifyNone(t)
	defer silent(t)()
	out, whole := t.TempDir(), t.TempDir()
	stop := make(chan struct{})
	var once sync.Once
	o := pipeline.RunOptions{PlanOptions: pipeline.PlanOptions{Out: out}, Stop: stop, Events: func(e pipeline.Event) {
		if e.Stage == "train" && e.Done > 0 {
			once.Do(func() { close(stop) })
		}
	}}
	p := inCode(t, 2000)
	record, err := p.Run(context.Background(), o)
	interrupted(t, record, err)
	absent(t, out)

	first := int64(-1)
	o.Stop, o.Resume = nil, true
	o.Events = func(e pipeline.Event) {
		if e.Stage == "train" && e.Type == pipeline.StageProgress && first < 0 {
			first = e.Done
		}
	}
	if _, err := p.Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	if first < 2 {
		t.Errorf("training went on at step %d: it began anew", first)
	}
	if _, err := p.Run(context.Background(), pipeline.RunOptions{PlanOptions: pipeline.PlanOptions{Out: whole}}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"train.safetensors", "samples.parquet"} {
		if !bytes.Equal(read(t, out, name), read(t, whole, name)) {
			t.Errorf("%s differs from that of a run without a stop", name)
		}
	}
}

// A folder belongs to one run at a time.
func TestOneFolder(t *testing.T) {
	defer goleak.VerifyNone(t)
	defer silent(t)()
	out, tried := t.TempDir(), false
	second := inCode(t, 50)
	_, err := inCode(t, 50).Run(context.Background(), pipeline.RunOptions{PlanOptions: pipeline.PlanOptions{Out: out}, Events: func(e pipeline.Event) {
		if e.Stage != "train" || tried {
			return
		}
		tried = true
		var refusal *schemas.Error
		if _, err := second.Run(context.Background(), pipeline.RunOptions{PlanOptions: pipeline.PlanOptions{Out: out}}); !errors.As(err, &refusal) || refusal.Reason != schemas.FileAccess {
			t.Errorf("the second run was not refused: %v", err)
		}
	}})
	if err != nil || !tried {
		t.Errorf("the first run: %v; a second was tried: %v", err, tried)
	}
}

// A wrong pipeline is an error, not output.
func TestWrong(t *testing.T) {
	defer goleak.VerifyNone(t)
	defer silent(t)()
	s := spec(10)
	s.Stages[4].With = map[string]any{"stepz": 10}
	_, err := pipeline.New(context.Background(), s, stages.Builtin(), pipeline.LoadOptions{})
	var e *schemas.Error
	if !errors.As(err, &e) || e.Reason != schemas.UnknownKey || e.Path != "stages.train.with.stepz" {
		t.Errorf("the error is %v", err)
	}
}

// What main does prints to the writer that it is given.
func TestMainRun(t *testing.T) {
	defer goleak.VerifyNone(t)
	defer silent(t)()
	var b strings.Builder
	if err := run(context.Background(), &b, "pipeline.yaml", t.TempDir()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"run_started", "stage_progress train 200 200", "energy_distance:"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not printed:\n%s", want, b.String())
		}
	}
}

// silent takes standard output and standard error away. The function that it
// returns gives them back, and fails the test when anything was written.
func silent(t *testing.T) func() {
	t.Helper()
	var restore []func()
	for _, std := range []struct {
		name string
		file **os.File
	}{{"standard output", &os.Stdout}, {"standard error", &os.Stderr}} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		text := make(chan []byte)
		go func() {
			b, _ := io.ReadAll(r)
			text <- b
		}()
		old := *std.file
		*std.file = w
		restore = append(restore, func() {
			*std.file = old
			w.Close()
			if b := <-text; len(b) > 0 {
				t.Errorf("written to %s: %q", std.name, b)
			}
			r.Close()
		})
	}
	return func() {
		for _, f := range restore {
			f()
		}
	}
}

func interrupted(t *testing.T, record *pipeline.Record, err error) {
	t.Helper()
	var e *schemas.Error
	if !errors.As(err, &e) || e.Reason != schemas.Interrupted {
		t.Fatalf("the error is %v, not an interruption", err)
	}
	if record.Status != pipeline.RunInterrupted || record.Stages["train"].Status != pipeline.StatusInterrupted || record.Stages["samples"].Status != pipeline.StatusSkipped {
		t.Errorf("the record says %s, train %s, samples %s", record.Status, record.Stages["train"].Status, record.Stages["samples"].Status)
	}
}

// absent checks that an interrupted run left no result and no part of one.
func absent(t *testing.T, out string) {
	t.Helper()
	err := filepath.WalkDir(out, func(name string, d fs.DirEntry, err error) error {
		if err == nil && (strings.HasSuffix(name, ".partial") || d.Name() == "train.safetensors" || d.Name() == "samples.parquet") {
			t.Errorf("%s was left", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func ended(events []pipeline.Event) (n int) {
	for _, e := range events {
		if e.Type == pipeline.StageEnded {
			n++
		}
	}
	return n
}

func progress(events []pipeline.Event, stage string) (last pipeline.Event) {
	for _, e := range events {
		if e.Type == pipeline.StageProgress && e.Stage == stage {
			last = e
		}
	}
	return last
}

func read(t *testing.T, parts ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
