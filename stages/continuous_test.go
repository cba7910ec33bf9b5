package stages_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/solver"
)

// fieldByLikelihood is discrete with a small vector field.
func fieldByLikelihood(change func(map[string]*pipeline.StageSpec)) pipeline.Spec {
	return discrete("ffjord", func(s map[string]*pipeline.StageSpec) {
		s["field"].With = map[string]any{"hidden": []int{16, 16}}
		s["solver"].With = map[string]any{"steps": 4}
		s["train"].From["solver"] = "solver"
		s["train"].With = map[string]any{"steps": 250, "batch": 64, "optimizer": map[string]any{"use": "adam", "lr": 0.02}}
		if change != nil {
			change(s)
		}
	})
}

// TestContinuousFlows: a vector field is trained by likelihood from scratch and from
// the flow of an earlier training, sampled and scored as any flow. Its density has the
// mass one.
func TestContinuousFlows(t *testing.T) {
	ctx := context.Background()
	var out string
	score := func(change func(map[string]*pipeline.StageSpec)) float64 {
		t.Helper()
		out = t.TempDir()
		p, err := pipeline.New(ctx, fieldByLikelihood(change), stages.Builtin(), pipeline.LoadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		record, err := p.Run(ctx, pipeline.RunOptions{PlanOptions: pipeline.PlanOptions{Out: out}})
		if err != nil {
			t.Fatal(err)
		}
		return record.Stages["scores"].Metrics["mean_log_prob"]
	}
	for name, field := range map[string]map[string]any{
		"steps": {"kinetic": 0.01, "trace": "hutchinson"}, "adjoint": {"gradient": "adjoint", "tolerance": 1e-3},
	} {
		got := score(func(s map[string]*pipeline.StageSpec) { s["train"].With.(map[string]any)["field"] = field })
		if !(got > -3.2 && got < -2.3) { // a Gaussian has 3.3, the entropy is 2.394
			t.Errorf("%s: mean log-density %v", name, got)
		}
		f, err := flow.Open(flow.Source{File: filepath.Join(out, "train.safetensors")}, stages.Parts())
		if err != nil {
			t.Fatal(err)
		}
		hasMassOne(t, f, &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1e-5, Atol: 1e-5}}, 7, 140)
	}
	matched := func(s map[string]*pipeline.StageSpec) {
		// What was a training by likelihood goes on from one by flow matching, which
		// takes the place of the stage that has the solver's fields to itself.
		*s["samples"] = pipeline.StageSpec{Name: "samples", Kind: "trainer", Use: "cfm", From: map[string]any{"data": "scaled.train", "model": "field"}, With: map[string]any{"steps": 200}}
		delete(s["train"].From, "model")
		s["train"].From["flow"] = "samples"
	}
	before := score(func(s map[string]*pipeline.StageSpec) { matched(s); s["scores"].From["flow"] = "samples" })
	after := score(matched)
	if !(after > before+0.05) {
		t.Errorf("mean log-density %v, before it was trained on %v", after, before)
	}
}

// TestContinuousMistakes are found before anything runs.
func TestContinuousMistakes(t *testing.T) {
	for _, c := range []struct {
		name, at string
		reason   schemas.Reason
		change   func(map[string]*pipeline.StageSpec)
	}{
		{"one step for a batch", "stages.train.from.solver", schemas.Conflict, func(s map[string]*pipeline.StageSpec) {
			s["solver"].Use, s["solver"].With = "dopri5", map[string]any{"control": "batch"}
		}},
		{"a flow and a model", "stages.train.from.model", schemas.Conflict, func(s map[string]*pipeline.StageSpec) {
			s["samples"].Kind, s["samples"].Use, s["samples"].With = "trainer", "cfm", nil
			s["samples"].From = map[string]any{"data": "scaled.train", "model": "field"}
			s["train"].From["flow"] = "samples"
		}},
		{"a flow of other rows", "stages.train.from.data", schemas.Conflict, func(s map[string]*pipeline.StageSpec) {
			s["samples"].Kind, s["samples"].Use, s["samples"].With = "trainer", "cfm", nil
			s["samples"].From = map[string]any{"data": "data.train", "model": "field"}
			delete(s["train"].From, "model")
			s["train"].From["flow"] = "samples"
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := pipeline.New(context.Background(), fieldByLikelihood(c.change), stages.Builtin(), pipeline.LoadOptions{})
			var places []string
			for _, e := range schemas.Errors(err, schemas.StageFailed) {
				places = append(places, e.Path+" "+string(e.Reason))
			}
			if !slices.Equal(places, []string{c.at + " " + string(c.reason)}) {
				t.Errorf("found at %q: %v", places, errors.Join(err))
			}
		})
	}
}
