package plugins

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pathline/pathline/pipeline"
)

const conditionalStages = `
version: 1
name: conditional
seed: 3
stages:
  data: {kind: loader, use: parquet, with: {path: DATA, columns: [log10_price, depth], conditions: [carat, cut], split: {train: 0.5, test: 0.02}}}
  scaled: {kind: transform, use: standardize, from: {data: data}}
  field: {kind: model, use: resmlp, with: {width: 8, blocks: 1, embedding: 3}}
  pairs: {kind: coupling, use: ot, with: {condition_weight: 1}}
  solver: {kind: solver, use: dopri5, with: {rtol: 1e-3, atol: 1e-3}}
  train:
    kind: trainer
    use: cfm
    from: {data: scaled.train, valid: scaled.test, model: field, coupling: pairs}
    with: {steps: 8, batch: 64, target: data, drop_conditions: 0.2}
  alone: # without a coupling, which columns cannot be fixed with
    kind: trainer
    use: cfm
    from: {data: scaled.train, model: field}
    with: {steps: 4, batch: 64, drop_conditions: 0.2}
  samples: {kind: sampler, use: ode, from: {flow: train, cond: data.test, solver: solver}, with: {guidance: 1.5}, to: samples.arrow}
  fixed: {kind: sampler, use: ode, from: {flow: alone, solver: solver}, with: {rows: 9, given: {carat: 1, cut: Ideal}, fix: {depth: 60}, levels: 4, corrections: 2}, to: fixed.arrow}
  scores: {kind: likelihood, use: ode, from: {flow: train, data: data.test, solver: solver}, with: {trace: hutchinson, probes: 2}, to: scores.csv}
`

// Conditions travel with rows, networks, solves and flows: isolated stages give the
// bytes of those that are compiled in.
func TestConditionalIsolated(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	data, err := filepath.Abs("../examples/conditional/diamonds.parquet")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(conditionalStages, "DATA", data)
	want, err := runFile(t, text, 1, func(context.Context, map[string]pipeline.PluginSpec, *pipeline.Registry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for name, kinds := range map[string][]string{"all": nil, "loader": {"loader"}, "model": {"model"}, "solver": {"solver"},
		"coupling": {"coupling"}, "trainer": {"trainer"}, "sampler": {"sampler"}, "likelihood and model": {"likelihood", "model"}} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, io.Discard)
			got, err := runFile(t, text, 2, func(_ context.Context, _ map[string]pipeline.PluginSpec, r *pipeline.Registry) error {
				return h.Isolate(r, kinds, command("builtin")...)
			})
			if err != nil {
				t.Fatal(err)
			}
			same(t, "the run", got, want)
		})
	}
}

const conditionalFlow = `
version: 1
name: conditional
seed: 3
stages:
  data: {kind: loader, use: generate, with: {name: moons, rows: 500, split: {train: 0.9, test: 0.1}, conditions: [y]}}
  scaled: {kind: transform, use: standardize, from: {data: data}}
  field: {kind: model, use: maf, with: {transforms: 2, hidden: [8], base: mixture, components: 3}}
  train: {kind: trainer, use: mle, from: {data: scaled.train, valid: scaled.test, model: field}, with: {steps: 8, batch: 64}}
  given: {kind: sampler, use: ode, from: {flow: train}, with: {rows: 9, given: {y: 0.3}, log_prob: true}, to: given.arrow}
  samples: {kind: sampler, use: ode, from: {flow: train, cond: data.test}, to: samples.arrow}
  scores: {kind: likelihood, use: ode, from: {flow: train, data: data.test}, to: scores.csv}
`

// A conditional discrete flow with a learned base has the bytes of one that is compiled
// in where all stages are isolated, the model too, and where it alone is not.
func TestConditionalFlowIsolated(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	want, err := runFile(t, conditionalFlow, 1, func(context.Context, map[string]pipeline.PluginSpec, *pipeline.Registry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for name, kinds := range map[string][]string{"all": nil, "all but the model": {"loader", "transform", "trainer", "sampler", "likelihood"}} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, io.Discard)
			got, err := runFile(t, conditionalFlow, 2, func(_ context.Context, _ map[string]pipeline.PluginSpec, r *pipeline.Registry) error {
				return h.Isolate(r, kinds, command("builtin")...)
			})
			if err != nil {
				t.Fatal(err)
			}
			same(t, "the run", got, want)
		})
	}
}
