package main

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins"
	"github.com/pathline/pathline/plugins/conform"
	"github.com/pathline/pathline/stages"
	"github.com/pathline/pathline/stages/flow"
)

// The test binary is the plugin when it is started with the argument serve-spiral.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve-spiral" {
		main()
		return
	}
	os.Exit(m.Run())
}

func command() []string { return []string{os.Args[0], "serve-spiral"} }

// The flow obeys the laws of discrete flows, over the wire.
func TestTriangularConforms(t *testing.T) {
	conform.Test(t, conform.Target{Command: command()}, conform.Options{Kinds: []string{"model"}})
}

const fitted = `version: 1
name: fitted
seed: 1
plugins:
  spiral: {command: [PROGRAM, serve-spiral]}
stages:
  data: {kind: loader, use: generate, with: {name: normal, rows: 5000, split: {train: 0.8, test: 0.2}}}
  field: {kind: model, use: spiral/triangular, with: {std: 2}}
  train: {kind: trainer, use: mle, from: {data: data.train, model: field}, with: {steps: 150, batch: 500, optimizer: {use: adam, lr: 0.05}, schedule: cosine}}
  samples: {kind: sampler, use: ode, from: {flow: train}, with: {rows: 200, log_prob: true}, to: samples.csv}
  scores: {kind: likelihood, use: ode, from: {flow: train, data: data.test}, to: scores.csv}
`

// The host trains, samples and scores the flow as one of its own: fitted to a normal
// distribution it is that distribution, whose entropy is ln 2 pi e.
func TestTriangularIsTrained(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "pipeline.yaml")
	if err := os.WriteFile(file, []byte(fitted), 0o644); err != nil {
		t.Fatal(err)
	}
	h := plugins.NewHost(zerolog.Nop())
	defer h.Close()
	p, err := pipeline.Load(t.Context(), file, stages.Builtin(), pipeline.LoadOptions{
		Plugins: func(ctx context.Context, _ string, _ map[string]pipeline.PluginSpec, r *pipeline.Registry) error {
			return h.Add(ctx, r, "spiral", plugins.Plugin{Command: command()})
		}})
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	rec, err := p.Run(t.Context(), pipeline.RunOptions{PlanOptions: pipeline.PlanOptions{Out: out}, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	_, tensors, err := flow.Load(filepath.Join(out, "train.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range tensors { // all are 0 but for the 4,000 rows that were drawn
		for i, v := range w.Data {
			if math.Abs(float64(v)) > 0.1 {
				t.Errorf("%s[%d] is %v", w.Name, i, v)
			}
		}
	}
	m := rec.Stages["scores"].Metrics
	entropy := math.Log(2*math.Pi) + 1 // of two columns, in nats
	if got, se := -m["mean_log_prob"], m["mean_log_prob_se"]; !(se > 0 && math.Abs(got-entropy) < 4*se) {
		t.Errorf("rows that it has not seen cost %.4f ± %.4f nats, the distribution's entropy is %.4f", got, se, entropy)
	}
	if rows := rec.Stages["samples"].Rows; rows != 200 {
		t.Errorf("%d rows are drawn of 200", rows)
	}
}
