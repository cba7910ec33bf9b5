package plugins

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/stages"
)

// long trains for long enough to be interrupted.
const long = `version: 1
name: long
seed: 5
stages:
  data: {kind: loader, use: generate, with: {name: moons, rows: 500}}
  scaled: {kind: transform, use: standardize, from: {data: data}}
  field: {kind: model, use: mlp, with: {hidden: [8]}}
  train: {kind: trainer, use: cfm, from: {data: scaled, model: field}, with: {steps: 1200, batch: 40}}
  samples: {kind: sampler, use: ode, from: {flow: train}, with: {rows: 50}, to: samples.arrow}
`

// A trainer of another process that is interrupted saves what it has and goes
// on from there to the same bytes; its flow is found again by a later run
// without training.
func TestIsolatedTrainerIsInterruptedAndGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "p.yaml")
	if err := os.WriteFile(file, []byte(long), 0o644); err != nil {
		t.Fatal(err)
	}
	var first, last int64 // steps that the trainer of the latest run reported
	run := func(out string, isolate, resume bool, interrupt string) (*pipeline.Record, error) {
		h := newHost(t, io.Discard)
		defer h.Close()
		p, err := pipeline.Load(t.Context(), file, stages.Builtin(), pipeline.LoadOptions{
			Plugins: func(_ context.Context, _ string, _ map[string]pipeline.PluginSpec, r *pipeline.Registry) error {
				if !isolate {
					return nil
				}
				return h.Isolate(r, []string{"trainer", "transform"}, command("builtin")...)
			}})
		if err != nil {
			t.Fatal(err)
		}
		stop := make(chan struct{})
		first, last = 0, 0
		var once sync.Once
		return p.Run(t.Context(), pipeline.RunOptions{PlanOptions: pipeline.PlanOptions{Out: filepath.Join(dir, out)}, Threads: 2,
			Resume: resume, Stop: stop, Events: func(e pipeline.Event) {
				if e.Type != pipeline.StageProgress || e.Stage != "train" || e.Unit != "steps" {
					return
				}
				if last = e.Done; first == 0 {
					first = e.Done
				}
				if e.Stage == interrupt {
					once.Do(func() { close(stop) })
				}
			}})
	}
	want, err := run("here", false, false, "")
	if err != nil {
		t.Fatal(err)
	}
	rec, err := run("there", true, false, "train")
	if !errors.Is(err, pipeline.ErrInterrupted) && !strings.Contains(err.Error(), "interrupted") || rec.Stages["train"].Status != pipeline.StatusInterrupted {
		t.Fatalf("an interrupted run says %v and is %s", err, rec.Stages["train"].Status)
	}
	saved, err := os.Stat(filepath.Join(dir, "there", ".pathline", "train", "checkpoint.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	reached := last
	rec, err = run("there", true, true, "")
	if err != nil {
		t.Fatal(err)
	}
	if first <= reached {
		t.Errorf("interrupted after step %d, training goes on from step %d", reached, first)
	}
	for _, f := range []struct{ stage, file string }{{"train", "train.safetensors"}, {"samples", "samples.arrow"}} {
		if got, want := rec.Stages[f.stage].Outputs[f.file], want.Stages[f.stage].Outputs[f.file]; got != want || got.SHA256 == "" {
			t.Errorf("%s is %v, not %v; the checkpoint had %d bytes", f.file, got, want, saved.Size())
		}
	}
	if err := os.Remove(filepath.Join(dir, "there", "samples.arrow")); err != nil {
		t.Fatal(err)
	}
	rec, err = run("there", true, false, "")
	if err != nil {
		t.Fatal(err)
	}
	if rec.Stages["train"].Status != pipeline.StatusUpToDate || rec.Stages["samples"].Outputs["samples.arrow"] != want.Stages["samples"].Outputs["samples.arrow"] {
		t.Errorf("a later run: train is %s, samples are %v", rec.Stages["train"].Status, rec.Stages["samples"].Outputs)
	}
}
