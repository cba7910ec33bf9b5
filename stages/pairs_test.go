package stages_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages"
)

// What needs noise that is independent of the data refuses a flow of other pairs, and a
// change of path one that is on none: a flow's description says what it was trained on.
func TestPairs(t *testing.T) {
	const cfm, coupled = "use: cfm, from: {data: data, model: field}", "use: cfm, from: {data: data, model: field, coupling: ot}"
	const mle = "use: mle, from: {data: data, model: field, solver: steps}"
	const table = "use: cfm, from: {data: data, model: field, source: data}"
	const tuned = "use: mle, from: {data: data, flow: before, solver: steps}"
	const again = "use: reflow, from: {flow: before, model: field}"
	const sde = "use: sde, from: {flow: train, solver: steps}, with: {rows: 10}"
	const fix = "use: ode, from: {flow: train}, with: {rows: 10, fix: {x: 0.5}}"
	const changed = "use: ode, from: {flow: train, path: cosine}, with: {rows: 10}"
	const source = "use: ode, from: {flow: train, source: data}, with: {rows: 10, fix: {x: 0.5}}"
	for _, c := range []struct{ name, train, sample, at string }{
		{"independent and noise", cfm, sde, ""},
		{"independent and fixed", cfm, fix, ""},
		{"independent and another path", cfm, changed, ""},
		{"coupled and noise", coupled, sde, "from.flow"},
		{"coupled and fixed", coupled, fix, "with.fix"},
		{"coupled and another path", coupled, changed, ""}, // x_t of the one is a multiple of x_t of the other, for every pair
		{"by likelihood and noise", mle, sde, "from.flow"},
		{"by likelihood and fixed", mle, fix, "with.fix"},
		{"by likelihood and another path", mle, changed, "from.path"},
		{"matched, then by likelihood, and noise", tuned, sde, "from.flow"},
		{"pairs of a flow and fixed", again, fix, "with.fix"},
		{"rows of a table and fixed", table, source, "with.fix"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "pipeline.yaml")
			text := strings.NewReplacer("TRAIN", c.train, "SAMPLE", c.sample).Replace(`version: 1
name: pairs
stages:
  data: {kind: loader, use: generate, with: {name: moons, rows: 100}}
  field: {kind: model, use: mlp, with: {hidden: [8]}}
  ot: {kind: coupling, use: ot}
  cosine: {kind: path, use: cosine}
  steps: {kind: solver, use: euler}
  before: {kind: trainer, use: cfm, from: {data: data, model: field}}
  train: {kind: trainer, TRAIN}
  samples: {kind: sampler, SAMPLE}
`)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := pipeline.Load(context.Background(), file, stages.Builtin(), pipeline.LoadOptions{})
			if c.at == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil {
				t.Fatal("it is not refused")
			}
			for _, e := range schemas.Errors(err, schemas.StageFailed) {
				if e.Path != "stages.samples."+c.at || e.Suggestion == "" {
					t.Errorf("at %q, suggestion %q: %v", e.Path, e.Suggestion, err)
				}
			}
		})
	}
}
