package stages_test

import (
	"math"
	"testing"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/stages"
)

// TestBitsPerDimension: a trainer and a likelihood that see the same values say the same
// of them in bits per dimension, whatever transforms follow, also given a column.
func TestBitsPerDimension(t *testing.T) {
	for name, conditions := range map[string]any{"alone": nil, "given the label": []any{map[string]any{"use": "label", "as": "category"}}} {
		t.Run(name, func(t *testing.T) {
			load := map[string]any{"path": "../examples/papers/tables/digits.parquet", "split": map[string]any{"train": 0.7, "valid": 0.3},
				"columns": []any{"pixel_2_2", "pixel_3_3", "pixel_4_4"}}
			if conditions != nil {
				load["conditions"] = conditions
			}
			p, err := pipeline.New(t.Context(), pipeline.Spec{Name: "bits", Stages: []pipeline.StageSpec{
				{Name: "data", Kind: "loader", Use: "parquet", With: load},
				{Name: "discrete", Kind: "transform", Use: "dequantize", From: map[string]any{"data": "data"}},
				{Name: "logits", Kind: "transform", Use: "logit", From: map[string]any{"data": "discrete"}, With: map[string]any{"low": 0, "high": 17}},
				{Name: "scaled", Kind: "transform", Use: "standardize", From: map[string]any{"data": "logits"}},
				{Name: "field", Kind: "model", Use: "realnvp", With: map[string]any{"transforms": 4, "hidden": []any{16}}},
				{Name: "train", Kind: "trainer", Use: "mle", From: map[string]any{"data": "scaled.train", "valid": "scaled.valid", "model": "field"},
					With: map[string]any{"steps": 100, "batch": 64}},
				{Name: "scores", Kind: "likelihood", Use: "ode", From: map[string]any{"flow": "train", "data": "data.valid"}, With: map[string]any{"bits_per_dim": true}},
			}}, stages.Builtin(), pipeline.LoadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			record, err := p.Run(t.Context(), pipeline.RunOptions{PlanOptions: pipeline.PlanOptions{Out: t.TempDir()}})
			if err != nil {
				t.Fatal(err)
			}
			// 17 values of equal probability take 4.09 bits.
			got, want := record.Stages["train"].Metrics["validation_bits_per_dim"], record.Stages["scores"].Metrics["mean_bits_per_dim"]
			if !(math.Abs(got-want) < 1e-5) || !(got < 4.1) {
				t.Errorf("the trainer says %v bits per dimension, the likelihood %v", got, want)
			}
		})
	}
}

// TestUniformOracle: the file of the page gives the closed form, for every row.
func TestUniformOracle(t *testing.T) {
	out := t.TempDir()
	p, err := pipeline.Load(t.Context(), "../examples/papers/images/oracle.yaml", stages.Builtin(), pipeline.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	record, err := p.Run(t.Context(), pipeline.RunOptions{PlanOptions: pipeline.PlanOptions{Out: out}})
	if err != nil {
		t.Fatal(err)
	}
	m, want := record.Stages["scores"].Metrics, math.Log2(17)-math.Log2(1-2e-6)
	if got := m["mean_bits_per_dim"]; !(math.Abs(got-want) < 1e-7) {
		t.Errorf("%.9f bits per dimension, want %.9f", got, want)
	}
	if se := m["mean_log_prob_se"]; !(se < 1e-6) {
		t.Errorf("rows differ: standard error of the mean log-density %v", se)
	}
}
