package plugins

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/stages"
)

// everyKind has a stage of every kind; its rows go through every writer.
const everyKind = `version: 1
name: every-kind
seed: 5
stages:
  data: {kind: loader, use: generate, with: {name: pinwheel, rows: 700, split: {train: 0.7, valid: 0.15, test: 0.15}}, to: data.parquet}
  scaled: {kind: transform, use: standardize, from: {data: data}}
  coupling: {kind: coupling, use: independent}
  path: {kind: path, use: polynomial, with: {n: 0.5}}
  field: {kind: model, use: mlp, with: {hidden: [12, 12], activation: gelu}}
  solver: {kind: solver, use: bosh3, with: {rtol: 1e-3, atol: 1e-3}}
  train:
    kind: trainer
    use: cfm
    from: {data: scaled.train, valid: scaled.valid, path: path, coupling: coupling, model: field}
    with: {steps: 12, batch: 150, accumulate: 2, ema: 0.9, clip: 1, target: data, checkpoint_every: 5}
  samples: {kind: sampler, use: ode, from: {flow: train, solver: solver}, with: {rows: 400, batch: 300, trajectory: [0, 0.5, 1]}, to: {use: arrow}}
  scores: {kind: likelihood, use: ode, from: {flow: train, data: data.test, solver: solver}, with: {trace: exact}, to: scores.csv}
  quality: {kind: evaluator, use: two-sample, from: {data: data.test, sample: samples}, with: {rows: 100}}
`

// moreKinds are built-ins with inputs of their own.
const moreKinds = `  ways: {kind: evaluator, use: paths, from: {flow: train, solver: solver, data: data.test}, with: {rows: 200, batch: 64}}
  straight: {kind: trainer, use: reflow, from: {flow: train, solver: solver}, with: {pairs: 150, steps: 5, batch: 50, validation_rows: 20, target: data}}
  moons: {kind: loader, use: generate, with: {name: moons, rows: 300}}
  between: {kind: trainer, use: cfm, from: {data: scaled.train, source: moons, model: field}, with: {steps: 5, batch: 50}}
  moved: {kind: sampler, use: ode, from: {flow: between, solver: solver, source: moons}, with: {rows: 200}, to: moved.csv}
  way: {kind: evaluator, use: paths, from: {flow: between, solver: solver, source: moons, data: data.test}, with: {rows: 100}}
`

// outcome is everything that a run leaves but times.
type outcome struct {
	files map[string]string
	said  map[string]string // summaries, metrics and reports, by stage
}

// runFile runs a pipeline; prepare may change what its registry holds.
func runFile(t testing.TB, text string, threads int, prepare func(ctx context.Context, declared map[string]pipeline.PluginSpec, r *pipeline.Registry) error) (outcome, error) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "pipeline.yaml")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "PROGRAM", program)), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.Load(t.Context(), file, stages.Builtin(), pipeline.LoadOptions{
		Plugins: func(ctx context.Context, _ string, declared map[string]pipeline.PluginSpec, r *pipeline.Registry) error {
			return prepare(ctx, declared, r)
		}})
	if err != nil {
		return outcome{}, err
	}
	rec, err := p.Run(t.Context(), pipeline.RunOptions{PlanOptions: pipeline.PlanOptions{Out: filepath.Join(dir, "out")}, Threads: threads})
	if err != nil {
		return outcome{}, err
	}
	out := outcome{map[string]string{}, map[string]string{}}
	for name, s := range rec.Stages {
		for f, d := range s.Outputs {
			if !strings.HasSuffix(f, ".metrics.parquet") { // it has rows per second
				out.files[f] = d.SHA256
			}
		}
		out.said[name] = jsonOf(t, pipeline.StageRecord{Rows: s.Rows, Summary: s.Summary, Metrics: s.Metrics, Evaluations: s.Evaluations})
	}
	for _, r := range rec.Reports {
		for _, i := range r.Items {
			out.said[r.Stage] += pace.ReplaceAllString(jsonOf(t, i), "")
		}
	}
	return out, nil
}

// pace is what differs between two runs.
var pace = regexp.MustCompile(`"rows_per_second":[^,}]*`)

func jsonOf(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// same reports the difference of two outcomes.
func same(t testing.TB, what string, got, want outcome) {
	t.Helper()
	for _, m := range [][2]map[string]string{{got.files, want.files}, {got.said, want.said}} {
		for k := range maps.Keys(m[1]) {
			if m[0][k] != m[1][k] {
				t.Errorf("%s: %s is\n%.300s, not\n%.300s", what, k, m[0][k], m[1][k])
			}
		}
		if len(m[0]) != len(m[1]) {
			t.Errorf("%s: %d things came, not %d", what, len(m[0]), len(m[1]))
		}
	}
}

// Every kind, alone and all together, gives from a process of its own the same
// bytes as in this one, with any number of threads.
func TestEveryKindIsolated(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	want, err := runFile(t, everyKind+moreKinds, 1, func(context.Context, map[string]pipeline.PluginSpec, *pipeline.Registry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"data.parquet", "train.safetensors", "samples.arrow", "scores.csv", "quality.json", "ways.json", "straight.safetensors", "moved.csv", "way.json"} {
		if want.files[f] == "" {
			t.Fatalf("there is no %s: %v", f, want.files)
		}
	}
	cases := map[string][]string{"all": nil}
	for _, k := range NewRegistry().Kinds() {
		cases[k.Name] = []string{k.Name}
	}
	if len(cases) != 12 {
		t.Errorf("there are %d kinds", len(cases)-1)
	}
	for name, kinds := range cases {
		for _, threads := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s on %d", name, threads), func(t *testing.T) {
				h := newHost(t, io.Discard)
				got, err := runFile(t, everyKind+moreKinds, threads, func(_ context.Context, _ map[string]pipeline.PluginSpec, r *pipeline.Registry) error {
					return h.Isolate(r, kinds, command("builtin")...)
				})
				if err != nil {
					t.Fatal(err)
				}
				same(t, "the run", got, want)
				h.mu.Lock()
				instances := len(h.instances)
				h.mu.Unlock()
				if instances == 0 {
					t.Error("nothing ran in another process, and the test tests nothing")
				}
			})
		}
	}
}
