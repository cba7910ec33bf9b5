package plugins

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/stages"
)

// wholeWay is a pipeline that uses a plugin's path and solver.
const wholeWay = `version: 1
name: whole-way
seed: 3
plugins:
  mine: {command: [PROGRAM, test-plugin, own]}
stages:
  data: {kind: loader, use: generate, with: {name: 2spirals, rows: 600, split: {train: 0.9, test: 0.1}}}
  scaled: {kind: transform, use: standardize, from: {data: data}}
  path: {kind: path, use: mine/straight}
  field: {kind: model, use: mlp, with: {hidden: [8, 8]}}
  solver: {kind: solver, use: mine/own-midpoint}
  train:
    kind: trainer
    use: cfm
    from: {data: scaled.train, path: path, model: field}
    with: {steps: 8, batch: 64}
  samples: {kind: sampler, use: ode, from: {flow: train, solver: solver}, with: {rows: 100}, to: samples.parquet}
  scores: {kind: likelihood, use: ode, from: {flow: train, data: data.test}, with: {trace: hutchinson, probes: 2}, to: scores.parquet}
`

// A whole pipeline writes the same bytes whatever is isolated.
func TestPipelineWritesTheSameBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	var want map[string]map[string]pipeline.FileDigest
	for _, kinds := range [][]string{{}, {"model", "loader", "path"}, {"solver", "sampler", "likelihood"}} {
		dir := t.TempDir()
		file := filepath.Join(dir, "pipeline.yaml")
		program, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(strings.Replace(wholeWay, "PROGRAM", program, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		h := newHost(t, io.Discard)
		p, err := pipeline.Load(t.Context(), file, stages.Builtin(), pipeline.LoadOptions{
			Plugins: func(ctx context.Context, dir string, declared map[string]pipeline.PluginSpec, r *pipeline.Registry) error {
				for name, s := range declared {
					if err := h.Add(ctx, r, name, Plugin{Command: s.Command, Dir: dir}); err != nil {
						return err
					}
				}
				if len(kinds) == 0 {
					return nil
				}
				return h.Isolate(r, kinds, command("builtin")...)
			}})
		if err != nil {
			t.Fatal(err)
		}
		rec, err := p.Run(t.Context(), pipeline.RunOptions{PlanOptions: pipeline.PlanOptions{Out: filepath.Join(dir, "out")}})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]map[string]pipeline.FileDigest{}
		for _, s := range []string{"samples", "scores"} {
			got[s] = rec.Stages[s].Outputs
		}
		flow := rec.Stages["train"].Outputs["train.safetensors"]
		got["train"] = map[string]pipeline.FileDigest{"train.safetensors": flow}
		if flow == (pipeline.FileDigest{}) || len(got["samples"]) == 0 || len(got["scores"]) == 0 {
			t.Fatalf("outputs are %v", got)
		}
		if want == nil {
			want = got
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("with %v isolated outputs are\n%v, not\n%v", kinds, got, want)
		}
		h.Close()
	}
}
