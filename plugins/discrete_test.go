package plugins

import (
	"context"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/pathline/pathline/pipeline"
)

// discreteFlows has flows with conditions, with layers that begin from data, with a
// learned base and with one that is not normal.
const discreteFlows = `
version: 1
name: discrete
seed: 3
stages:
  data: {kind: loader, use: generate, with: {name: moons, rows: 700, split: {train: 0.7, valid: 0.1, test: 0.2}, conditions: [y]}}
  scaled: {kind: transform, use: standardize, from: {data: data}}
  field: {kind: model, use: maf, with: {transforms: 2, hidden: [8], actnorm: true, base: mixture, components: 3}}
  train:
    kind: trainer
    use: mle
    from: {data: scaled.train, valid: scaled.valid, model: field}
    with: {steps: 9, batch: 300, accumulate: 2, ema: 0.9, clip: 1, validate_every: 3, checkpoint_every: 5}
  samples: {kind: sampler, use: ode, from: {flow: train, cond: data.test}, with: {log_prob: true}, to: samples.arrow}
  scores: {kind: likelihood, use: ode, from: {flow: train, data: data.test}, to: scores.csv}
  plane: {kind: loader, use: generate, with: {name: pinwheel, rows: 500, split: {train: 0.8, test: 0.2}}}
  additive: {kind: model, use: nice, with: {transforms: 2, hidden: [8]}}
  fit: {kind: trainer, use: mle, from: {data: plane.train, model: additive}, with: {steps: 5, batch: 100}}
  drawn: {kind: sampler, use: ode, from: {flow: fit}, with: {rows: 300}, to: drawn.csv}
  rated: {kind: likelihood, use: ode, from: {flow: fit, data: plane.test}, to: rated.csv}
`

// Discrete flows, their trainers and what uses them, alone and all together, give
// from processes of their own the same bytes as in this one.
func TestEveryKindOfDiscreteFlowIsolated(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	want, err := runFile(t, discreteFlows, 1, func(context.Context, map[string]pipeline.PluginSpec, *pipeline.Registry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for name, kinds := range map[string][]string{"all": nil, "model": {"model"}, "trainer": {"trainer"}, "sampler and model": {"sampler", "model"},
		"likelihood": {"likelihood"}} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, io.Discard)
			got, err := runFile(t, discreteFlows, 2, func(_ context.Context, _ map[string]pipeline.PluginSpec, r *pipeline.Registry) error {
				return h.Isolate(r, kinds, command("builtin")...)
			})
			if err != nil {
				t.Fatal(err)
			}
			same(t, "the run", got, want)
		})
	}
}

// Models, trainers, samplers and likelihoods of a stranger's plugin, with the inputs
// that they have themselves, give the bytes of those that are compiled in but for the
// names in the flow.
func TestEveryKindOfDiscreteFlowFromAPlugin(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	want, err := runFile(t, discreteFlows, 1, func(context.Context, map[string]pipeline.PluginSpec, *pipeline.Registry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, io.Discard)
	theirs := regexp.MustCompile(`(kind: (?:model|trainer|sampler|likelihood),?\s+use: )`)
	text := theirs.ReplaceAllString(discreteFlows, "${1}far/")
	text = strings.Replace(text, "stages:\n", "plugins:\n  far: {command: [PROGRAM, test-plugin, builtin]}\nstages:\n", 1)
	got, err := runFile(t, text, 2, declare(h))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []outcome{got, want} {
		delete(o.files, "train.safetensors")
		delete(o.files, "fit.safetensors")
	}
	same(t, "the run", got, want)
}
