package stages_test

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/stages"
	"github.com/pathline/pathline/stages/writer"
)

// Rows that a sampler made are scored like any others; those that it could not
// make keep their status and get no score.
func TestScoringSamples(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name        string
		evaluations int
		bad         bool
	}{{"every row is made", 0, false}, {"some rows are not", 60, true}} {
		t.Run(c.name, func(t *testing.T) {
			out := t.TempDir()
			p, err := pipeline.New(ctx, pipeline.Spec{Name: "chain", Stages: []pipeline.StageSpec{
				{Name: "field", Kind: "model", Use: "gmm", With: map[string]any{"means": [][]float64{{-2}, {1.5}}, "std": []float64{0.5, 0.4}}},
				{Name: "short", Kind: "solver", Use: "dopri5", With: map[string]any{"max_evaluations": c.evaluations}},
				{Name: "samples", Kind: "sampler", Use: "ode", From: map[string]any{"flow": "field", "solver": "short"}, With: map[string]any{"rows": 300}},
				{Name: "scores", Kind: "likelihood", Use: "ode", From: map[string]any{"flow": "field", "data": "samples"}},
			}}, stages.Builtin(), pipeline.LoadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Run(ctx, pipeline.RunOptions{PlanOptions: pipeline.PlanOptions{Out: out}}); err != nil {
				t.Fatal(err)
			}
			w, _ := writer.New("parquet", nil)
			rows, err := w.Open(ctx, filepath.Join(out, "scores.parquet"))
			if err != nil {
				t.Fatal(err)
			}
			hasStatus := rows.Schema().HasField("status")
			if hasStatus != c.bad {
				t.Fatalf("columns %v", rows.Schema().Fields())
			}
			scored, unscored := 0, 0
			err = pipeline.Each(ctx, rows, func(rec arrow.Record) error {
				logp := rec.Column(rec.Schema().FieldIndices("log_prob")[0]).(*array.Float64)
				for i := range logp.Len() {
					ok := true
					if hasStatus {
						ok = rec.Column(rec.Schema().FieldIndices("status")[0]).(*array.String).Value(i) == "ok"
					}
					if ok == math.IsNaN(logp.Value(i)) {
						t.Errorf("row %d is ok: %v, with %v", i, ok, logp.Value(i))
					}
					if ok {
						scored++
					} else {
						unscored++
					}
				}
				return nil
			})
			if err != nil || scored == 0 || (unscored > 0) != c.bad {
				t.Errorf("%v: %d scored, %d not", err, scored, unscored)
			}
		})
	}
}
