package likelihood_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"go.uber.org/goleak"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/likelihood"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/solver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// table is rows in memory, read in batches of the given sizes.
type table struct {
	rec     arrow.Record
	batches []int64
}

func (t table) Schema() *arrow.Schema { return t.rec.Schema() }
func (t table) Count() int64          { return t.rec.NumRows() }

func (t table) Open(context.Context) (pipeline.Stream, error) { return &reading{table: t}, nil }

type reading struct {
	table
	at int64
	i  int
}

func (r *reading) Next(context.Context) (arrow.Record, error) {
	if r.at == r.rec.NumRows() {
		return nil, io.EOF
	}
	n := min(r.batches[r.i%len(r.batches)], r.rec.NumRows()-r.at)
	r.i++
	r.at += n
	return r.rec.NewSlice(r.at-n, r.at), nil
}

func (r *reading) Close() error { return nil }

// newTable has the mixture's columns v and u, in this order, with a text and an
// integer between them.
func newTable(t testing.TB, mem memory.Allocator, x []float64, batches ...int64) table {
	t.Helper()
	rows := len(x) / 2
	u, v := array.NewFloat64Builder(mem), array.NewFloat32Builder(mem)
	s, n := array.NewStringBuilder(mem), array.NewInt64Builder(mem)
	for r := range rows {
		u.Append(x[2*r])
		v.Append(float32(x[2*r+1]))
		s.Append(strings.Repeat("é", r%3))
		if r%5 == 0 {
			n.AppendNull()
		} else {
			n.Append(math.MaxInt64 - int64(r))
		}
	}
	arrays := []arrow.Array{v.NewArray(), s.NewArray(), n.NewArray(), u.NewArray()}
	meta := arrow.NewMetadata([]string{"k"}, []string{"v"})
	rec := array.NewRecord(arrow.NewSchema([]arrow.Field{
		{Name: "v", Type: arrow.PrimitiveTypes.Float32, Nullable: true}, {Name: "word", Type: arrow.BinaryTypes.String},
		{Name: "id", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: "u", Type: arrow.PrimitiveTypes.Float64}}, &meta), arrays, int64(rows))
	for _, a := range arrays {
		a.Release()
	}
	for _, b := range []array.Builder{u, v, s, n} {
		b.Release()
	}
	return table{rec, batches}
}

func build(t testing.TB, env pipeline.Env, config string) (pipeline.Stage, error) {
	t.Helper()
	r := pipeline.NewRegistry()
	likelihood.Register(r, flow.Registry{})
	impl, ok := r.Find("likelihood", "ode")
	if !ok {
		t.Fatal("likelihood/ode is not registered")
	}
	return impl.Build(ctx, env, json.RawMessage(config))
}

func exactModel(t testing.TB) *model.GMM {
	t.Helper()
	g, err := model.NewGMM(mixture, path.CondOT{})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func inputs(t testing.TB, rows pipeline.Rows, s solver.Solver) pipeline.Inputs {
	return pipeline.Inputs{"flow": {Service: exactModel(t)}, "data": {Rows: rows}, "solver": {Service: s}}
}

// text prints the rows of a table, so that they can be compared.
func text(t testing.TB, rows pipeline.Rows) (lines []string) {
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

func TestStage(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	const rows = 150
	x := points(rows)
	for _, trace := range []string{`"trace": "exact"`, `"trace": "hutchinson", "probes": 2, "bits_per_dim": true`, `"trace": "hutchpp", "probes": 6, "bits_per_dim": true`} {
		var want []string
		for _, c := range []struct {
			batch   int
			batches []int64
		}{{1000, []int64{rows}}, {7, []int64{rows}}, {64, []int64{1, 100, 3}}} {
			data := newTable(t, mem, x, c.batches...)
			var last pipeline.Event
			st, err := build(t, pipeline.Env{Stage: "scores", Seed: 3, Alloc: mem, Emit: func(e pipeline.Event) { last = e }},
				fmt.Sprintf(`{%s, "batch": %d}`, trace, c.batch))
			if err != nil {
				t.Fatal(err)
			}
			in := inputs(t, data, dopri5(1e-6, solver.Options{Workers: 2}))
			planned, err := st.Check(ctx, in)
			if err != nil {
				t.Fatal(err)
			}
			out, err := st.Run(ctx, in)
			if err != nil {
				t.Fatal(err)
			}
			scored := out.Rows[""]
			if !planned.Rows[""].Schema().Equal(scored.Schema()) || scored.Count() != rows {
				t.Errorf("planned %v, got %v", planned.Rows[""].Schema(), scored.Schema())
			}
			got := text(t, scored)
			if want == nil {
				want = got
				checkScores(t, scored, data.rec, x)
			}
			if len(got) != rows {
				t.Fatalf("%d rows of %d", len(got), rows)
			}
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("%+v: row %d is %s, not %s", c, i, got[i], want[i])
				}
			}
			scores := out.Report[0].Data.(*likelihood.Scores)
			if out.Report[0].Kind != "likelihood" || scores.Rows != rows || len(scores.Sample) != rows || scores.Mean != out.Metrics["mean_log_prob"] || !(scores.SE > 0) {
				t.Errorf("report %+v, metrics %v", scores, out.Metrics)
			}
			if away, ok := out.Summary["round_trip_max"].(float64); !ok || !(away < 1e-3) || !(out.Summary["evaluations"].(float64) > 6) || out.Summary["rows_not_ok"] != int64(0) {
				t.Errorf("summary %v", out.Summary)
			}
			if rms := out.Summary["round_trip_rms"].(float64); !(rms > 0) || rms > out.Summary["round_trip_max"].(float64) || out.Summary["round_trip_rows"] != int64(64) || scores.RoundTrip == nil {
				t.Errorf("round trip %v, report %v", out.Summary, scores.RoundTrip)
			}
			if last.Type != pipeline.StageProgress || last.Done != rows || last.Total != rows {
				t.Errorf("last event %+v", last)
			}
			data.rec.Release()
		}
	}
}

// checkScores compares columns with those that came, and scores with the
// mixture's density.
func checkScores(t *testing.T, scored pipeline.Rows, in arrow.Record, x []float64) {
	t.Helper()
	var at int64
	if v, _ := scored.Schema().Metadata().GetValue("k"); v != "v" {
		t.Error("the schema's metadata was lost")
	}
	err := pipeline.Each(ctx, scored, func(rec arrow.Record) error {
		for c := range int(in.NumCols()) {
			part := array.NewSlice(in.Column(c), at, at+rec.NumRows())
			defer part.Release()
			if !array.Equal(part, rec.Column(c)) || rec.ColumnName(c) != in.ColumnName(c) {
				t.Errorf("column %s did not come through", in.ColumnName(c))
			}
		}
		logp := rec.Column(rec.Schema().FieldIndices(schemas.ColumnLogProb)[0]).(*array.Float64)
		exact := len(rec.Schema().FieldIndices(schemas.ColumnLogProbSE)) == 0
		for r := range int(rec.NumRows()) {
			i := 2 * (int(at) + r)
			want := blurred([]float64{x[i], float64(float32(x[i+1]))}, 0)
			if got := logp.Value(r); exact && math.Abs(got-want) > 1e-4 {
				t.Fatalf("row %d: %v, want %v", i/2, got, want)
			} else if !exact {
				se := rec.Column(5).(*array.Float64).Value(r)
				bits := rec.Column(6).(*array.Float64).Value(r)
				if !(se >= 0) || bits != -got/(2*math.Ln2) {
					t.Fatalf("row %d: se %v, %v bits for %v nats", i/2, se, bits, got)
				}
			}
		}
		at += rec.NumRows()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestStageRefuses(t *testing.T) {
	mem := memory.DefaultAllocator
	s := dopri5(1e-5, solver.Options{})
	rename := func(from, to string, typ arrow.DataType) table {
		data := newTable(t, mem, points(4), 4)
		fields := append([]arrow.Field{}, data.rec.Schema().Fields()...)
		columns := append([]arrow.Array{}, data.rec.Columns()...)
		for i := range fields {
			if fields[i].Name == from {
				fields[i].Name = to
				if typ != nil {
					fields[i].Type = typ
					columns[i] = array.MakeArrayOfNull(mem, typ, 4)
				}
			}
		}
		return table{array.NewRecord(arrow.NewSchema(fields, nil), columns, 4), []int64{4}}
	}
	transformed := newTable(t, mem, points(4), 4)
	meta := arrow.NewMetadata([]string{schemas.MetaTransforms}, []string{"[]"})
	transformed.rec = array.NewRecord(arrow.NewSchema(transformed.rec.Schema().Fields(), &meta), transformed.rec.Columns(), 4)
	for name, c := range map[string]struct {
		rows   pipeline.Rows
		reason schemas.Reason
		text   string
	}{
		"no data":        {nil, schemas.MissingPort, "no rows"},
		"no column":      {rename("u", "U2", nil), schemas.UnknownColumn, `"u"`},
		"near column":    {rename("u", "U", nil), schemas.UnknownColumn, `did you mean "U"`},
		"string column":  {rename("u", "u", arrow.BinaryTypes.String), schemas.ColumnType, `"u"`},
		"vector column":  {rename("u", "u", arrow.FixedSizeListOf(3, arrow.PrimitiveTypes.Float32)), schemas.DimensionDiffer, "3 numbers"},
		"scored already": {rename("id", "log_prob", nil), schemas.Conflict, "log_prob"},
		"has a status":   {rename("id", "status", nil), schemas.Conflict, "status"},
		"transformed":    {transformed, schemas.WrongPort, "the loader's rows"},
	} {
		st, err := build(t, pipeline.Env{}, `{}`)
		if err != nil {
			t.Fatal(err)
		}
		in := inputs(t, c.rows, s)
		if c.rows == nil {
			delete(in, "data")
		}
		var e *schemas.Error
		if _, err := st.Check(ctx, in); !errors.As(err, &e) || e.Reason != c.reason || e.Path != "from.data" || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %s at from.data with %q", name, err, c.reason, c.text)
		}
	}
	for config, want := range map[string]string{
		`{"trace": "exact", "probes": 3}`:                "probes",
		`{"noise": "gaussian"}`:                          "noise",
		`{"trace": "hutchinson", "probes": 0}`:           "probes",
		`{"trace": "hutchinson", "noise": "rademacker"}`: "noise",
		`{"trace": "hutchpp", "probes": 8}`:              "probes",
		`{"draws": 0}`:                                   "draws",
		`{"batch": 0}`:                                   "batch",
	} {
		var e *schemas.Error
		if _, err := build(t, pipeline.Env{}, config); !errors.As(err, &e) || e.Path != want {
			t.Errorf("%s: %v, want an error at %s", config, err, want)
		}
	}
}

// Without a transform that draws noise all draws would be the same.
func TestStageRefusesDraws(t *testing.T) {
	st, err := build(t, pipeline.Env{}, `{"draws": 2}`)
	if err != nil {
		t.Fatal(err)
	}
	in := inputs(t, newTable(t, memory.DefaultAllocator, points(4), 4), dopri5(1e-5, solver.Options{}))
	var e *schemas.Error
	if _, err := st.Check(ctx, in); !errors.As(err, &e) || e.Reason != schemas.Conflict || e.Path != "draws" {
		t.Errorf("draws without dequantize: %v", err)
	}
}

// run pulls everything and gives the first error.
func run(t *testing.T, env pipeline.Env, in pipeline.Inputs) (pipeline.Outputs, error) {
	t.Helper()
	st, err := build(t, env, `{"batch": 3}`)
	if err != nil {
		t.Fatal(err)
	}
	out, err := st.Run(ctx, in)
	if err != nil {
		return out, err
	}
	return out, pipeline.Each(ctx, out.Rows[""], func(arrow.Record) error { return nil })
}

func TestStageBadRows(t *testing.T) {
	x := points(10)
	x[2*7] = math.NaN()
	data := newTable(t, memory.DefaultAllocator, x, 4)
	s := dopri5(1e-5, solver.Options{})
	var e *schemas.Error
	if _, err := run(t, pipeline.Env{}, inputs(t, data, s)); !errors.As(err, &e) || e.Reason != schemas.NonFinite || !strings.Contains(e.Message, `row 7 has NaN in column "u"`) {
		t.Errorf("NaN: %v", err)
	}
	// A row whose solve fails is reported, and left out of the mean.
	hard := newTable(t, memory.DefaultAllocator, points(10), 4)
	out, err := run(t, pipeline.Env{}, inputs(t, hard, dopri5(1e-9, solver.Options{MaxEvaluations: 12})))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := out.Metrics["mean_log_prob"]; ok || out.Summary["rows_max_evaluations"] != int64(10) {
		t.Errorf("metrics %v, summary %v", out.Metrics, out.Summary)
	}
	if lines := text(t, out.Rows[""]); !strings.Contains(lines[0], "NaN max_evaluations") {
		t.Errorf("row 0 is %s", lines[0])
	}
	if _, err := json.Marshal([]any{out.Summary, out.Metrics, out.Report}); err != nil {
		t.Errorf("what a run keeps is not JSON: %v", err)
	}
}

func TestStageStops(t *testing.T) {
	stop := make(chan struct{})
	done := int64(0)
	env := pipeline.Env{Stop: stop, Emit: func(e pipeline.Event) {
		if done = e.Done; done == 6 {
			close(stop)
		}
	}}
	data := newTable(t, memory.DefaultAllocator, points(50), 50)
	if _, err := run(t, env, inputs(t, data, dopri5(1e-5, solver.Options{}))); !errors.Is(err, pipeline.ErrInterrupted) || done != 6 {
		t.Errorf("after the interrupt: %v at row %d", err, done)
	}
}

// A flow in a file is described while checking and scored with its transforms.
func TestStageFile(t *testing.T) {
	f := network(t, 2)
	d := f.Description
	d.Columns = []schemas.Column{{Name: "u", Type: "float64"}, {Name: "v", Type: "float64"}}
	n := f.Field32.(model.Network)
	name := filepath.Join(t.TempDir(), "f.safetensors")
	if err := flow.Save(name, d, n.Tensors()); err != nil {
		t.Fatal(err)
	}
	r := pipeline.NewRegistry()
	likelihood.Register(r, flow.Registry{Other: func(flow.Component, int, []model.Tensor) (model.Field[float32], error) { return n, nil }})
	impl, _ := r.Find("likelihood", "ode")
	st, err := impl.Build(ctx, pipeline.Env{}, json.RawMessage(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	x := points(20)
	for i := range x {
		x[i] = float64(float32(x[i]))
	}
	data := newTable(t, memory.DefaultAllocator, x, 20)
	s := dopri5(1e-5, solver.Options{})
	out, err := st.Run(ctx, pipeline.Inputs{"flow": {Flow: name}, "data": {Rows: data}, "solver": {Service: s}})
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float64, 20)
	if _, err := likelihood.LogProb(ctx, f, s, want, nil, x, 0, 20, likelihood.Trace{}); err != nil {
		t.Fatal(err)
	}
	for i, line := range text(t, out.Rows[""]) {
		if !strings.Contains(line, fmt.Sprint(want[i])) {
			t.Fatalf("row %d is %s, want %v in it", i, line, want[i])
		}
	}

	// With values that are halves apart: bits count the bins, draws are averaged.
	d.Transforms = []schemas.Transform{{Use: "dequantize", State: map[string]any{"key": "7", "bins": rawJSON(`[{"step":1,"unit":2},{"step":1,"unit":2}]`)}}}
	if err := flow.Save(name, d, n.Tensors()); err != nil {
		t.Fatal(err)
	}
	for i := range x {
		x[i] = math.Round(2*x[i]) / 2
	}
	data = newTable(t, memory.DefaultAllocator, x, 20)
	if f, err = flow.New(d, nil, flow.Registry{Other: func(flow.Component, int, []model.Tensor) (model.Field[float32], error) { return n, nil }}); err != nil {
		t.Fatal(err)
	}
	if _, err := likelihood.LogMeanProb(ctx, f, s, want, nil, x, 0, 20, 3, likelihood.Trace{}); err != nil {
		t.Fatal(err)
	}
	if st, err = impl.Build(ctx, pipeline.Env{}, json.RawMessage(`{"bits_per_dim": true, "draws": 3, "batch": 7}`)); err != nil {
		t.Fatal(err)
	}
	in := pipeline.Inputs{"flow": {Flow: name}, "data": {Rows: data}, "solver": {Service: s}}
	if _, err := st.Check(ctx, in); err != nil {
		t.Fatal(err)
	}
	if out, err = st.Run(ctx, in); err != nil {
		t.Fatal(err)
	}
	for i, line := range text(t, out.Rows[""]) {
		if bits := -(want[i] + 2*math.Log(0.5)) / (2 * math.Ln2); !strings.Contains(line, fmt.Sprint(want[i], bits)) {
			t.Fatalf("row %d is %s, want %v and %v bits in it", i, line, want[i], bits)
		}
	}
}

func Example() {
	g, err := model.NewGMM(model.GMMConfig{Means: [][]float64{{3}}, Std: []float64{0.5}}, path.CondOT{})
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := flow.Open(flow.Source{Exact: g}, flow.Registry{})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1e-7, Atol: 1e-7}}
	x, logp := []float64{3, 4}, make([]float64, 2)
	if _, err := likelihood.LogProb(context.Background(), f, s, logp, nil, x, 0, 2, likelihood.Trace{}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.4f\n", logp) // N(3, 0.5²)
	// Output:
	// [-0.2258 -2.2258]
}

// TestStageSaysAll: what is wrong in several places is said of all of them at once.
func TestStageSaysAll(t *testing.T) {
	st, err := build(t, pipeline.Env{Stage: "scores"}, `{"draws": 3, "trace": "hutchpp", "guidance": 2}`)
	if err != nil {
		t.Fatal(err)
	}
	in := inputs(t, newTable(t, memory.DefaultAllocator, points(4), 4), dopri5(1e-5, solver.Options{}))
	in["solver"] = pipeline.Input{From: "solver", Service: in["solver"].Service}
	in["flow"] = pipeline.Input{Flow: flow.Source{Planned: &flow.Description{Target: flow.TargetBase, Dim: 1, Model: flow.Component{Use: "nsf"},
		Columns: []schemas.Column{{Name: "nowhere", Type: "float64"}}}}}
	_, err = st.Check(ctx, in)
	var places []string
	for _, e := range schemas.Errors(err, "none") {
		places = append(places, e.Path)
	}
	slices.Sort(places)
	if want := []string{"draws", "from.data", "from.solver", "guidance", "trace"}; !slices.Equal(places, want) {
		t.Errorf("errors at %v, want %v", places, want)
	}
}
