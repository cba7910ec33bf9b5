package sampler_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"go.uber.org/goleak"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/sampler"
	"github.com/pathline/pathline/stages/solver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func parts() flow.Registry {
	return flow.Registry{Paths: path.Builtin(), Models: map[string]func([]byte) (model.Definition, error){
		"mlp": func(config []byte) (model.Definition, error) {
			var c model.MLPConfig
			if err := json.Unmarshal(config, &c); err != nil {
				return nil, err
			}
			return model.NewMLP(c)
		},
	}}
}

// build makes the stage from its configuration as a file would give it.
func build(t *testing.T, env pipeline.Env, config string) (pipeline.Stage, error) {
	t.Helper()
	r := pipeline.NewRegistry()
	sampler.Register(r, parts())
	impl, ok := r.Find("sampler", "ode")
	if !ok {
		t.Fatal("sampler/ode is not registered")
	}
	return impl.Build(ctx, env, json.RawMessage(config))
}

// saved is a trained flow's file.
func saved(t *testing.T) string {
	t.Helper()
	d, n := trained(t)
	name := filepath.Join(t.TempDir(), "f.safetensors")
	if err := flow.Save(name, d, n.Tensors()); err != nil {
		t.Fatal(err)
	}
	return name
}

func inputs(f any, s solver.Solver) pipeline.Inputs {
	in := pipeline.Inputs{"solver": {Service: s}}
	if g, ok := f.(model.Exact); ok {
		in["flow"] = pipeline.Input{Service: g}
	} else {
		in["flow"] = pipeline.Input{Flow: f}
	}
	return in
}

// text prints the rows of a table, so that they can be compared.
func text(t *testing.T, rows pipeline.Rows) (lines []string) {
	t.Helper()
	err := pipeline.Each(ctx, rows, func(rec arrow.Record) error {
		for i := range int(rec.NumRows()) {
			line := ""
			for _, c := range rec.Columns() {
				line += c.ValueStr(i) + " "
			}
			lines = append(lines, line)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// A row that comes with its density is the row that comes without, and the density
// is that of the likelihood; rows are the same in any batches.
func TestLogProb(t *testing.T) {
	g, err := model.NewGMM(model.GMMConfig{Means: [][]float64{{-1, 0}, {1, 0.5}}, Std: []float64{0.3, 0.5}}, path.CondOT{})
	if err != nil {
		t.Fatal(err)
	}
	run := func(config string) pipeline.Rows {
		t.Helper()
		st, err := build(t, pipeline.Env{Stage: "samples", Seed: 7}, config)
		if err != nil {
			t.Fatal(err)
		}
		in := inputs(g, dopri5(1e-8, solver.Options{Workers: 2}))
		planned, err := st.Check(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		out, err := st.Run(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		if !planned.Rows[""].Schema().Equal(out.Rows[""].Schema()) {
			t.Fatalf("planned %v, got %v", planned.Rows[""].Schema(), out.Rows[""].Schema())
		}
		return out.Rows[""]
	}
	for _, trace := range []string{``, `, "trace": "hutchinson", "noise": "gaussian", "probes": 16`, `, "trace": "hutchpp", "probes": 12`} {
		config := `{"rows": 60, "log_prob": true` + trace
		rows := run(config + `}`)
		if small := text(t, run(config+`, "batch": 7}`)); strings.Join(text(t, rows), "|") != strings.Join(small, "|") {
			t.Errorf("%s: other rows in small batches", trace)
		}
		err := pipeline.Each(ctx, rows, func(rec arrow.Record) error {
			column := func(name string) []float64 {
				return rec.Column(rec.Schema().FieldIndices(name)[0]).(*array.Float64).Float64Values()
			}
			u, v, logp := column("x1"), column("x2"), column(schemas.ColumnLogProb)
			for r := range u {
				want := make([]float64, 1)
				if err := g.LogDensity(want, []float64{1}, []float64{u[r], v[r]}, 1); err != nil {
					t.Fatal(err)
				}
				tol := 1e-6
				if trace != "" {
					tol += 7 * column(schemas.ColumnLogProbSE)[r]
				}
				if !(math.Abs(logp[r]-want[0]) < tol) {
					t.Errorf("%s: row %d has %v, want %v", trace, r, logp[r], want[0])
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, config := range []string{`{"rows": 6, "trace": "hutchinson"}`, `{"rows": 6, "log_prob": true, "trace": "hutchpp", "probes": 4}`, `{"rows": 6, "log_prob": true, "probes": 4}`} {
		if _, err := build(t, pipeline.Env{}, config); err == nil {
			t.Errorf("%s was taken", config)
		}
	}
}

func TestStage(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	name := saved(t)
	var want []string
	for _, batch := range []int{1000, 64, 7} {
		var events []pipeline.Event
		env := pipeline.Env{Stage: "samples", Seed: 7, Alloc: mem, Emit: func(e pipeline.Event) { events = append(events, e) }}
		st, err := build(t, env, fmt.Sprintf(`{"rows": 200, "batch": %d, "trajectory": [0, 0.5, 1]}`, batch))
		if err != nil {
			t.Fatal(err)
		}
		in := inputs(&flow.Source{File: name}, dopri5(1e-4, solver.Options{Workers: 2}))
		planned, err := st.Check(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		out, err := st.Run(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		rows := out.Rows[""]
		if !planned.Rows[""].Schema().Equal(rows.Schema()) || rows.Count() != 200 {
			t.Fatalf("planned %v, got %v with %d rows", planned.Rows[""].Schema(), rows.Schema(), rows.Count())
		}
		if s := rows.Schema(); s.Field(0).Name != "count" || s.Field(0).Type.String() != "int16" || s.Field(1).Name != "pair" || s.Field(2).Name != "status" {
			t.Fatalf("schema %v", s)
		}
		for range 2 { // rows can be read again
			got := text(t, rows)
			if len(got) != 200 {
				t.Fatalf("%d rows", len(got))
			}
			if want == nil {
				want = got
			}
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("batches of %d: row %d is %s, not %s", batch, i, got[i], want[i])
				}
			}
		}
		if out.Summary["rows_not_ok"] != int64(0) || !(out.Summary["evaluations"].(float64) > 6) {
			t.Errorf("summary %v", out.Summary)
		}
		last := events[len(events)-1]
		if last.Type != pipeline.StageProgress || last.Done != 200 || last.Total != 200 || last.Stage != "samples" {
			t.Errorf("last event %+v", last)
		}
		tr := out.Report[0].Data.(*sampler.Trajectories)
		if out.Report[0].Kind != "trajectory" || len(tr.Values) != 200 || len(tr.Values[0]) != 3 {
			t.Errorf("report %+v", out.Report)
		}
	}
}

// Exact models give float64 columns of the model's names.
func TestStageExact(t *testing.T) {
	st, err := build(t, pipeline.Env{Stage: "s"}, `{"rows": 10, "seed": 3}`)
	if err != nil {
		t.Fatal(err)
	}
	out, err := st.Run(ctx, inputs(gaussian(t, []float64{1, 2}, 0.5), dopri5(1e-7, solver.Options{})))
	if err != nil {
		t.Fatal(err)
	}
	s := out.Rows[""].Schema()
	if s.Field(0).Name != "x1" || s.Field(0).Type.String() != "float64" || s.NumFields() != 3 {
		t.Errorf("schema %v", s)
	}
	if v, _ := s.Field(2).Metadata.GetValue(schemas.MetaOmitWhen); v != "ok" {
		t.Errorf("the status column may be left out when it is %q", v)
	}
}

// The seed of the stage takes the place of the pipeline's, and streams of
// stages differ.
func TestStageSeeds(t *testing.T) {
	g := gaussian(t, []float64{0}, 1)
	run := func(stage string, seed uint64, config string) string {
		st, err := build(t, pipeline.Env{Stage: stage, Seed: seed}, config)
		if err != nil {
			t.Fatal(err)
		}
		out, err := st.Run(ctx, inputs(g, dopri5(1e-5, solver.Options{})))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(text(t, out.Rows[""]), "\n")
	}
	a := run("a", 1, `{"rows":3}`)
	if a != run("a", 9, `{"rows":3,"seed":1}`) {
		t.Error("seed: 1 is not the seed 1")
	}
	if a == run("a", 2, `{"rows":3}`) || a == run("b", 1, `{"rows":3}`) {
		t.Error("another seed or another stage has the same draws")
	}
	if long := run("a", 1, `{"rows":50}`); !strings.HasPrefix(long, a) {
		t.Error("more rows change the first ones")
	}
}

func TestStageFailedRows(t *testing.T) {
	var warnings int
	st, err := build(t, pipeline.Env{Stage: "s", Emit: func(e pipeline.Event) {
		if e.Type == pipeline.StageWarning {
			warnings++
		}
	}}, `{"rows": 20}`)
	if err != nil {
		t.Fatal(err)
	}
	out, err := st.Run(ctx, inputs(gaussian(t, []float64{4}, 0.01), dopri5(1e-9, solver.Options{MaxEvaluations: 20})))
	if err != nil {
		t.Fatal(err)
	}
	lines := text(t, out.Rows[""])
	if !strings.Contains(lines[0], "max_evaluations") || out.Summary["rows_not_ok"] != int64(20) || warnings != 1 {
		t.Errorf("%s, %v, %d warnings", lines[0], out.Summary, warnings)
	}
}

func TestStageStops(t *testing.T) {
	stop := make(chan struct{})
	st, err := build(t, pipeline.Env{Stage: "s", Stop: stop}, `{"rows": 100, "batch": 10}`)
	if err != nil {
		t.Fatal(err)
	}
	out, err := st.Run(ctx, inputs(gaussian(t, []float64{4}, 1), dopri5(1e-5, solver.Options{})))
	if err != nil {
		t.Fatal(err)
	}
	s, err := out.Rows[""].Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rec, err := s.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	rec.Release()
	close(stop)
	for range 2 {
		if _, err := s.Next(ctx); !errors.Is(err, pipeline.ErrInterrupted) {
			t.Fatalf("after the interrupt: %v", err)
		}
	}
	if len(out.Summary) != 0 {
		t.Errorf("summary of a stream that did not end: %v", out.Summary)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Next(ctx); err == nil || err == io.EOF {
		t.Errorf("after Close: %v", err)
	}
}

func TestStageRefuses(t *testing.T) {
	d, _ := trained(t)
	d.Columns = []schemas.Column{{Name: "status", Type: "int8", Width: 3}}
	g, s := gaussian(t, []float64{1}, 1), dopri5(1e-5, solver.Options{})
	for name, c := range map[string]struct {
		in     pipeline.Inputs
		reason schemas.Reason
		path   string
	}{
		"no flow":       {pipeline.Inputs{"solver": {Service: s}}, schemas.MissingPort, "from.flow"},
		"no solver":     {pipeline.Inputs{"flow": {Service: g}}, schemas.WrongPort, "from.solver"},
		"missing file":  {inputs(filepath.Join(t.TempDir(), "no"), s), schemas.FileNotFound, "from.flow"},
		"status column": {inputs(&flow.Source{Planned: &d}, s), schemas.Conflict, "from.flow"},
		"no rows":       {inputs(g, s), schemas.MissingKey, "rows"},
	} {
		config := `{"rows": 1}`
		if name == "no rows" {
			config = `{}`
		}
		st, err := build(t, pipeline.Env{}, config)
		if err != nil {
			t.Fatal(err)
		}
		var e *schemas.Error
		if _, err := st.Check(ctx, c.in); !errors.As(err, &e) || e.Reason != c.reason || e.Path != c.path {
			t.Errorf("%s: %v, want %s at %s", name, err, c.reason, c.path)
		}
	}
	for config, path := range map[string]string{
		`{"rows": 0}`:                         "rows",
		`{"rows": 5, "trajectory": [0, 2]}`:   "trajectory[1]",
		`{"rows": 5, "trajectory": [0.5, 0]}`: "trajectory",
		`{"rows": 5, "batch": 0}`:             "batch",
	} {
		var e *schemas.Error
		if _, err := build(t, pipeline.Env{}, config); !errors.As(err, &e) || e.Path != path {
			t.Errorf("%s: %v, want an error at %s", config, err, path)
		}
	}
}

// The port path changes the schedule after training: the rows of a flow on another
// path begin with the same noise and are others, and what cannot be is said at the
// port, before anything runs.
func TestStageOnPath(t *testing.T) {
	name := saved(t)
	st, err := build(t, pipeline.Env{Stage: "samples", Seed: 7}, `{"rows": 20}`)
	if err != nil {
		t.Fatal(err)
	}
	rows := func(p path.Path) []string {
		in := inputs(&flow.Source{File: name}, dopri5(1e-6, solver.Options{}))
		if p != nil {
			in["path"] = pipeline.Input{Service: path.Described{Path: p, Use: "x"}}
		}
		if _, err := st.Check(ctx, in); err != nil {
			t.Fatal(err)
		}
		out, err := st.Run(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		return text(t, out.Rows[""])
	}
	own, cosine := rows(nil), rows(path.Cosine{})
	if fmt.Sprint(own) == fmt.Sprint(cosine) {
		t.Error("the path changes nothing")
	}
	st, err = build(t, pipeline.Env{Stage: "samples", Seed: 7}, `{"rows": 20, "batch": 7}`)
	if err != nil {
		t.Fatal(err)
	}
	if got := rows(path.Cosine{}); fmt.Sprint(got) != fmt.Sprint(cosine) {
		t.Error("other rows on the other path in batches of 7")
	}
	if again := rows(path.CondOT{}); len(again) != 20 {
		t.Errorf("%d rows on the flow's own path", len(again))
	}
	in := inputs(gaussian(t, []float64{1}, 1), dopri5(1e-6, solver.Options{}))
	in["path"] = pipeline.Input{Service: path.Cosine{}}
	for _, f := range []func() error{
		func() error { _, err := st.Check(ctx, in); return err },
		func() error { _, err := st.Run(ctx, in); return err },
	} {
		if errs := schemas.Errors(f(), ""); len(errs) != 1 || errs[0].Path != "from.path" || errs[0].Reason != schemas.Conflict {
			t.Errorf("an exact model on another path: %v", errs)
		}
	}
}
