package stages_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/likelihood"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/sampler"
	"github.com/pathline/pathline/stages/solver"
)

// discrete is a pipeline that trains a discrete flow; change makes it another.
func discrete(use string, change func(map[string]*pipeline.StageSpec)) pipeline.Spec {
	list := []*pipeline.StageSpec{
		{Name: "data", Kind: "loader", Use: "generate", With: map[string]any{"name": "moons", "rows": 3000, "split": map[string]any{"train": 0.8, "valid": 0.1, "test": 0.1}}},
		{Name: "scaled", Kind: "transform", Use: "standardize", From: map[string]any{"data": "data"}},
		{Name: "field", Kind: "model", Use: use},
		{Name: "solver", Kind: "solver", Use: "rk4"},
		{Name: "train", Kind: "trainer", Use: "mle", From: map[string]any{"data": "scaled.train", "valid": "scaled.valid", "model": "field"},
			With: map[string]any{"steps": 300, "batch": 128}},
		{Name: "samples", Kind: "sampler", Use: "ode", From: map[string]any{"flow": "train"}, With: map[string]any{"rows": 300}},
		{Name: "scores", Kind: "likelihood", Use: "ode", From: map[string]any{"flow": "train", "data": "data.test"}},
	}
	byName := map[string]*pipeline.StageSpec{}
	for _, s := range list {
		byName[s.Name] = s
	}
	if change != nil {
		change(byName)
	}
	spec := pipeline.Spec{Name: "discrete"}
	for _, s := range list {
		spec.Stages = append(spec.Stages, *s)
	}
	return spec
}

// TestDiscreteFlows: a discrete flow of every kind is trained, saved, sampled
// and scored, and its density integrates to one.
func TestDiscreteFlows(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct{ use, key, value string }{
		{"nice", "base", "logistic"}, {"nice", "base", "mixture"}, {"realnvp", "base", "normal"}, {"maf", "base", "normal"}, {"maf", "base", "mixture"},
		{"iaf", "base", "normal"}, {"nsf", "kind", "autoregressive"}, {"nsf", "kind", "coupling"}, {"planar", "base", "normal"},
	} {
		t.Run(c.use+" "+c.value, func(t *testing.T) {
			out := t.TempDir()
			p, err := pipeline.New(ctx, discrete(c.use, func(s map[string]*pipeline.StageSpec) {
				s["field"].With = map[string]any{c.key: c.value}
			}), stages.Builtin(), pipeline.LoadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			record, err := p.Run(ctx, pipeline.RunOptions{PlanOptions: pipeline.PlanOptions{Out: out}})
			if err != nil {
				t.Fatal(err)
			}
			if mean := record.Stages["scores"].Metrics["mean_log_prob"]; !(mean > -3.6 && mean < -2.3) { // the entropy is 2.394, a Gaussian has 3.3
				t.Errorf("mean log-density %v", mean)
			}
			f, err := flow.Open(flow.Source{File: filepath.Join(out, "train.safetensors")}, stages.Parts())
			if err != nil {
				t.Fatal(err)
			}
			hi := 9.0
			if c.value == "logistic" { // whose tails are wide
				hi = 18
			}
			hasMassOne(t, f, nil, hi, 500)
			// A sample's density, by way of the base and by way of the data.
			const rows = 50
			key := random.NewKey(1, "test", "base")
			sample, back, base := make([]float64, 2*rows), make([]float64, rows), make([]float64, 2*rows)
			if _, err := sampler.Sample(ctx, f, nil, sample, key, 0, rows); err != nil {
				t.Fatal(err)
			}
			f.Base.Sample(base, key, 0, rows)
			want, logdet := make([]float64, rows), make([]float64, rows)
			f.Base.LogProb(want, base, rows)
			z := slices.Clone(base)
			if _, err := f.Generate(ctx, z, logdet, rows); err != nil {
				t.Fatal(err)
			}
			if _, err := likelihood.LogProb(ctx, f, nil, back, nil, sample, 0, rows, likelihood.Trace{}); err != nil {
				t.Fatal(err)
			}
			sameForWorkers(t, f)
			scale := 0.0 // of the transform, which is linear
			for r := range rows {
				diff := back[r] - (want[r] - logdet[r])
				if r == 0 {
					scale = diff
				}
				if !(math.Abs(diff-scale) < 1e-3) {
					t.Errorf("row %d: log-density %v from the data, %v from the base", r, back[r], want[r]-logdet[r]+scale)
				}
			}
		})
	}
}

// hasMassOne: the density of a flow in the plane adds up to one over n x n cells of the
// square from -hi to hi, which covers the data and the tails.
func hasMassOne(t *testing.T, f *flow.Flow, s solver.Solver, hi float64, n int) {
	t.Helper()
	h := 2 * hi / float64(n)
	x, logp := make([]float64, 2*n*n), make([]float64, n*n)
	for i := range n * n {
		x[2*i], x[2*i+1] = h*(float64(i/n)+0.5)-hi, h*(float64(i%n)+0.5)-hi
	}
	if _, err := likelihood.LogProb(t.Context(), f, s, logp, nil, x, 0, n*n, likelihood.Trace{}); err != nil {
		t.Fatal(err)
	}
	var mass float64
	for _, l := range logp {
		mass += math.Exp(l) * h * h
	}
	if !(math.Abs(mass-1) < 1e-3) {
		t.Errorf("the density has the mass %v", mass)
	}
}

// sameForWorkers: the number of workers changes no bit, and an error of one of them is
// that of the call.
func sameForWorkers(t *testing.T, f *flow.Flow) {
	t.Helper()
	const rows = 1000
	z := make([]float64, 2*rows)
	f.Base.Sample(z, random.NewKey(2, "test", "base"), 0, rows)
	var x, logdet []float64
	for _, workers := range []int{1, 2, 3, 7} {
		f.Workers = workers
		y, l := slices.Clone(z), make([]float64, rows)
		if _, err := f.Generate(t.Context(), y, l, rows); err != nil {
			t.Fatal(err)
		}
		if workers == 1 {
			x, logdet = y, l
		} else if !slices.Equal(x, y) || !slices.Equal(logdet, l) {
			t.Errorf("%d workers give other bits than one", workers)
		}
		stopped, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := f.Generate(stopped, y, l, rows); !errors.Is(err, context.Canceled) {
			t.Errorf("%d workers, cancelled: %v", workers, err)
		}
	}
	f.Workers = 0
}

// TestDiscreteMistakes: what does not go together with a discrete flow is found
// before anything runs, at its place.
func TestDiscreteMistakes(t *testing.T) {
	for _, c := range []struct {
		name, use, at string
		reason        schemas.Reason
		change        func(map[string]*pipeline.StageSpec)
	}{
		{"a solver of the sampler", "maf", "stages.samples.from.solver", schemas.Conflict, func(s map[string]*pipeline.StageSpec) { s["samples"].From["solver"] = "solver" }},
		{"a solver of the likelihood", "maf", "stages.scores.from.solver", schemas.Conflict, func(s map[string]*pipeline.StageSpec) { s["scores"].From["solver"] = "solver" }},
		{"a trace", "maf", "stages.scores.with.trace", schemas.Conflict, func(s map[string]*pipeline.StageSpec) { s["scores"].With = map[string]any{"trace": "hutchinson"} }},
		{"a trajectory", "maf", "stages.samples.with.trajectory", schemas.Conflict, func(s map[string]*pipeline.StageSpec) {
			s["samples"].With = map[string]any{"rows": 10, "trajectory": []float64{0, 1}}
		}},
		{"noise on the way", "maf", "stages.samples.from.flow", schemas.Conflict, func(s map[string]*pipeline.StageSpec) { s["samples"].Use = "sde" }},
		{"fixed columns", "maf", "stages.samples.with.fix", schemas.Conflict, func(s map[string]*pipeline.StageSpec) {
			s["samples"].With = map[string]any{"rows": 10, "fix": map[string]any{"x": 0.5}}
		}},
		{"a path", "maf", "stages.train.from.path", schemas.UnknownPort, func(s map[string]*pipeline.StageSpec) { s["train"].From["path"] = "solver" }},
		{"a solver of the trainer", "maf", "stages.train.from.solver", schemas.Conflict, func(s map[string]*pipeline.StageSpec) { s["train"].From["solver"] = "solver" }},
		{"no model", "maf", "stages.train.from.model", schemas.MissingPort, func(s map[string]*pipeline.StageSpec) { delete(s["train"].From, "model") }},
		{"matching a discrete flow", "maf", "stages.train.from.model", schemas.WrongPort, func(s map[string]*pipeline.StageSpec) { s["train"].Use = "cfm" }},
		{"patience without validation", "maf", "stages.train.with.patience", schemas.Conflict, func(s map[string]*pipeline.StageSpec) {
			delete(s["train"].From, "valid")
			s["train"].With = map[string]any{"patience": 3}
		}},
		{"keys of a vector field", "maf", "stages.train.with.field", schemas.Conflict, func(s map[string]*pipeline.StageSpec) {
			s["train"].With = map[string]any{"field": map[string]any{"kinetic": 0.01}}
		}},
		{"a model that is not trained", "maf", "stages.samples.from.flow", schemas.WrongPort, func(s map[string]*pipeline.StageSpec) { s["samples"].From["flow"] = "field" }},
		{"bins", "nsf", "stages.field.with.bins", schemas.OutOfRange, func(s map[string]*pipeline.StageSpec) { s["field"].With = map[string]any{"bins": 1} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := pipeline.New(context.Background(), discrete(c.use, c.change), stages.Builtin(), pipeline.LoadOptions{})
			var places []string
			for _, e := range schemas.Errors(err, schemas.StageFailed) {
				places = append(places, e.Path+" "+string(e.Reason))
			}
			if !slices.Contains(places, c.at+" "+string(c.reason)) {
				t.Errorf("found at %q: %v", places, errors.Join(err))
			}
		})
	}
}

// TestVariational: noise that is learned with a flow of whole numbers brings the bound
// nearer; samples are whole, and the flow is opened, scored and sampled as others are.
func TestVariational(t *testing.T) {
	ctx := context.Background()
	table := filepath.Join(t.TempDir(), "table.parquet")
	writeWhole(t, table, 900)
	spec := func(with map[string]any, from string) pipeline.Spec {
		return discrete("maf", func(s map[string]*pipeline.StageSpec) {
			s["data"].Use, s["data"].With = "parquet", map[string]any{"path": table, "split": map[string]any{"train": 0.7, "valid": 0.1, "test": 0.2}}
			s["scaled"].Use = "dequantize"
			s["field"].With = map[string]any{"transforms": 2, "hidden": []any{24}}
			s["train"].From["data"], s["train"].From["valid"] = from+".train", from+".valid"
			train := map[string]any{"steps": 600, "batch": 128, "optimizer": map[string]any{"use": "adam", "lr": 0.01}, "schedule": "cosine"}
			maps.Copy(train, with)
			s["train"].With = train
			s["scores"].With = map[string]any{"bits_per_dim": true, "draws": 4}
			if from == "logits" {
				s["solver"].Kind, s["solver"].Use, s["solver"].Name = "transform", "logit", "logits"
				s["solver"].From, s["solver"].With = map[string]any{"data": "scaled"}, map[string]any{"low": 0, "high": 3, "alpha": 0.05}
			}
		})
	}
	noise := map[string]any{"variational": map[string]any{"low": 0, "high": 3, "hidden": []any{16}}}
	bits := map[string]float64{}
	for from, with := range map[string]map[string]any{"scaled": noise, "logits": nil} {
		p, err := pipeline.New(ctx, spec(with, from), stages.Builtin(), pipeline.LoadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		out := t.TempDir()
		record, err := p.Run(ctx, pipeline.RunOptions{PlanOptions: pipeline.PlanOptions{Out: out}})
		if err != nil {
			t.Fatal(err)
		}
		bits[from] = record.Stages["scores"].Metrics["mean_bits_per_dim"]
		train := record.Stages["train"].Metrics
		if bits := train["validation_loss"] / (2 * math.Ln2); from == "scaled" && !(math.Abs(train["validation_bits_per_dim"]-bits) < 1e-12) {
			t.Errorf("the training says %v, not %v bits per dimension", train, bits)
		}
	}
	// Values beyond the ends are said to be the first thing to look for.
	p, err := pipeline.New(ctx, spec(map[string]any{"variational": map[string]any{"low": 1, "high": 2}}, "scaled"), stages.Builtin(), pipeline.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var e *schemas.Error
	if _, err := p.Run(ctx, pipeline.RunOptions{PlanOptions: pipeline.PlanOptions{Out: t.TempDir()}}); !errors.As(err, &e) || e.Reason != schemas.Numerical || !strings.Contains(e.Suggestion, "low, 1, to high, 2") {
		t.Errorf("values beyond the ends: %v", err)
	}
	if !(bits["scaled"] < bits["logits"]-0.02) {
		t.Errorf("%v bits per dimension with learned noise, %v with uniform noise", bits["scaled"], bits["logits"])
	}

	for at, s := range map[string]pipeline.Spec{
		"stages.train.from.data":             spec(noise, "logits"),
		"stages.train.with.variational":      spec(noise, "scaled"),
		"stages.train.with.variational.high": spec(map[string]any{"variational": map[string]any{"low": 3, "high": 3}}, "scaled"),
	} {
		if at == "stages.train.with.variational" {
			for i := range s.Stages {
				if s.Stages[i].Name == "field" {
					s.Stages[i].Use, s.Stages[i].With = "mlp", nil
				}
			}
		}
		_, err := pipeline.New(ctx, s, stages.Builtin(), pipeline.LoadOptions{})
		if err == nil || !slices.ContainsFunc(schemas.Errors(err, schemas.StageFailed), func(e *schemas.Error) bool { return e.Path == at }) {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// writeWhole writes columns a and b of 0, 1 and 2, of which 0 comes often, as dark
// pixels do, and b is near a.
func writeWhole(t *testing.T, name string, rows int) {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Uint8}, {Name: "b", Type: arrow.PrimitiveTypes.Uint8}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for i := range rows {
		u := random.Key(3).Uniform(uint64(i), 0)
		v := uint8(max(2, int(5*u)) - 2)
		b.Field(0).(*array.Uint8Builder).Append(v)
		b.Field(1).(*array.Uint8Builder).Append(max(v, uint8(i%2)) - uint8(i%2))
	}
	rec := b.NewRecord()
	defer rec.Release()
	var buf bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &buf, nil, pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err == nil {
		err = errors.Join(w.Write(rec), w.Close(), os.WriteFile(name, buf.Bytes(), 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
}
