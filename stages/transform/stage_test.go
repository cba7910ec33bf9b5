package transform_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"go.uber.org/goleak"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/transform"
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
	at     int64
	i      int
	closed bool
}

func (r *reading) Next(context.Context) (arrow.Record, error) {
	if r.closed {
		return nil, errors.New("closed")
	}
	if r.at == r.rec.NumRows() {
		return nil, io.EOF
	}
	n := min(r.batches[r.i%len(r.batches)], r.rec.NumRows()-r.at)
	r.i++
	r.at += n
	return r.rec.NewSlice(r.at-n, r.at), nil
}

func (r *reading) Close() error { r.closed = true; return nil }

// columns are an integer, a vector of two and a constant.
var columns = []schemas.Column{{Name: "n", Type: "int16"}, {Name: "v", Type: "float64", Width: 2}, {Name: "c", Type: "float32"}}

func newTable(t *testing.T, mem memory.Allocator, columns []schemas.Column, values []float64, batches ...int64) table {
	t.Helper()
	rows := len(values) / schemas.Dims(columns)
	arrays, err := schemas.Build(mem, columns, values, rows)
	if err != nil {
		t.Fatal(err)
	}
	fields, err := schemas.Fields(columns)
	if err != nil {
		t.Fatal(err)
	}
	rec := array.NewRecord(arrow.NewSchema(fields, nil), arrays, int64(rows))
	for _, a := range arrays {
		a.Release()
	}
	return table{rec, batches}
}

func values(rows int, shift float64) []float64 {
	x := make([]float64, 4*rows)
	for r := range rows {
		f := float64(r)
		copy(x[4*r:], []float64{math.Mod(7*f, 31) + shift, math.Sin(f), 100 + 5*math.Cos(3*f), 2.5})
	}
	return x
}

func build(t *testing.T, env pipeline.Env) pipeline.Stage {
	t.Helper()
	r := pipeline.NewRegistry()
	transform.Register(r)
	impl, _ := r.Find("transform", "standardize")
	st, err := impl.Build(context.Background(), env, json.RawMessage(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// vectors reads the whole column x.
func vectors(t *testing.T, rows pipeline.Rows) (x []float32, dim int) {
	t.Helper()
	err := pipeline.Each(context.Background(), rows, func(rec arrow.Record) error {
		m, d, err := schemas.Vector(rec, schemas.ColumnVector)
		x, dim = append(x, m...), d
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return x, dim
}

func TestStage(t *testing.T) {
	ctx := context.Background()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	train := newTable(t, mem, columns, values(300, 0), 64, 1, 100)
	defer train.rec.Release()
	test := newTable(t, mem, columns, values(50, 1000), 50)
	defer test.rec.Release()
	var warnings []string
	st := build(t, pipeline.Env{Stage: "scaled", Emit: func(e pipeline.Event) {
		if e.Type == pipeline.StageWarning {
			warnings = append(warnings, e.Message)
		}
	}})
	in := pipeline.Inputs{"data": {Rows: train, Splits: map[string]pipeline.Rows{"": test, "train": train, "test": test}}}
	planned, err := st.Check(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	out, err := st.Run(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Rows) != 3 || len(planned.Rows) != 3 || out.Rows["test"].Count() != 50 {
		t.Fatalf("splits %v", out.Rows)
	}
	schema := out.Rows["train"].Schema()
	if !schema.Field(0).Equal(planned.Rows["train"].Schema().Field(0)) || schema.NumFields() != 1 {
		t.Errorf("schema %v, planned %v", schema, planned.Rows["train"].Schema())
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], ": c;") || out.Summary["rows_fitted"] != int64(300) {
		t.Errorf("warnings %q, summary %v", warnings, out.Summary)
	}

	// Training rows have mean 0 and standard deviation 1, other splits do not.
	x, dim := vectors(t, out.Rows["train"])
	if dim != 4 || len(x) != 1200 {
		t.Fatalf("%d values of %d columns", len(x), dim)
	}
	for c := range 3 {
		var sum, square float64
		for i := c; i < len(x); i += 4 {
			sum, square = sum+float64(x[i]), square+float64(x[i])*float64(x[i])
		}
		if math.Abs(sum/300) > 1e-6 || math.Abs(square/300-1) > 1e-6 {
			t.Errorf("column %d has mean %v and second moment %v", c, sum/300, square/300)
		}
	}
	if y, _ := vectors(t, out.Rows["test"]); !(y[0] > 50) {
		t.Errorf("the split test was fitted for itself: %v", y[:4])
	}

	// The metadata restores the transform and describes the columns.
	text, _ := schema.Metadata().GetValue(schemas.MetaTransforms)
	var applied []schemas.Transform
	if err := json.Unmarshal([]byte(text), &applied); err != nil || len(applied) != 1 {
		t.Fatalf("%s: %v", text, err)
	}
	f, err := transform.Restore(applied[0], 4)
	if err != nil {
		t.Fatal(err)
	}
	want := values(300, 0)
	if err := f.Apply(want, want, nil, transform.Address{}, 300); err != nil {
		t.Fatal(err)
	}
	for i := range x {
		if x[i] != float32(want[i]) {
			t.Fatalf("value %d is %v, restored it is %v", i, x[i], want[i])
		}
	}
	text, _ = schema.Metadata().GetValue(schemas.MetaColumns)
	if !strings.Contains(text, `{"name":"v","type":"float64","width":2}`) {
		t.Errorf("columns %s", text)
	}

	// A transform of a transform keeps the first in its list.
	again := build(t, pipeline.Env{})
	twice, err := again.Run(ctx, pipeline.Inputs{"data": {Rows: out.Rows["test"]}})
	if err != nil {
		t.Fatal(err)
	}
	text, _ = twice.Rows[""].Schema().Metadata().GetValue(schemas.MetaTransforms)
	if json.Unmarshal([]byte(text), &applied) != nil || len(applied) != 2 {
		t.Errorf("transforms %s", text)
	}
	if c, _ := twice.Rows[""].Schema().Metadata().GetValue(schemas.MetaColumns); !strings.Contains(c, `"n"`) {
		t.Errorf("columns %s", c)
	}
	if z, _ := vectors(t, twice.Rows[""]); len(z) != 200 {
		t.Errorf("%d values", len(z))
	}
}

// Batches change nothing, and all rows are fitted on when there is no split.
func TestStageBatches(t *testing.T) {
	mem := memory.DefaultAllocator
	var want string
	for _, batches := range [][]int64{{500}, {1}, {3, 200}} {
		data := newTable(t, mem, columns, values(500, 0), batches...)
		out, err := build(t, pipeline.Env{}).Run(context.Background(), pipeline.Inputs{"data": {Rows: data}})
		if err != nil {
			t.Fatal(err)
		}
		got := out.Rows[""].Schema().String()
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("batches %v: %s, not %s", batches, got, want)
		}
	}
}

func TestStageRefuses(t *testing.T) {
	mem := memory.DefaultAllocator
	check := func(in pipeline.Input, run bool) error {
		st := build(t, pipeline.Env{})
		if run {
			_, err := st.Run(context.Background(), pipeline.Inputs{"data": in})
			return err
		}
		_, err := st.Check(context.Background(), pipeline.Inputs{"data": in})
		return err
	}
	b := array.NewStringBuilder(mem)
	b.Append("a")
	words := table{array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "s", Type: arrow.BinaryTypes.String}}, nil), []arrow.Array{b.NewArray()}, 1), []int64{1}}
	one := []schemas.Column{{Name: "a", Type: "float64"}}
	some := newTable(t, mem, one, []float64{1, 2}, 1)
	for name, c := range map[string]struct {
		err    error
		reason schemas.Reason
		path   string
	}{
		"nothing joined": {check(pipeline.Input{}, false), schemas.MissingPort, "from.data"},
		"strings":        {check(pipeline.Input{Rows: words}, false), schemas.ColumnType, "from.data"},
		"no train split": {check(pipeline.Input{Rows: some, Splits: map[string]pipeline.Rows{"": some, "a": some}}, false), schemas.UnknownSplit, "from.data"},
		"no rows":        {check(pipeline.Input{Rows: newTable(t, mem, one, nil, 1)}, true), schemas.EmptyData, ""},
		"not a number":   {check(pipeline.Input{Rows: newTable(t, mem, one, []float64{1, math.NaN()}, 1)}, true), schemas.NonFinite, ""},
		"null":           {check(pipeline.Input{Rows: newTable(t, mem, []schemas.Column{{Name: "a", Type: "int8"}}, []float64{1, math.NaN()}, 1)}, true), schemas.NullValue, ""},
	} {
		var e *schemas.Error
		if !errors.As(c.err, &e) || e.Reason != c.reason || e.Path != c.path {
			t.Errorf("%s: %v, want %s at %q", name, c.err, c.reason, c.path)
		}
	}
}

func TestStageStops(t *testing.T) {
	stop := make(chan struct{})
	close(stop)
	data := newTable(t, memory.DefaultAllocator, columns, values(9, 0), 3)
	_, err := build(t, pipeline.Env{Stop: stop}).Run(context.Background(), pipeline.Inputs{"data": {Rows: data}})
	if !errors.Is(err, pipeline.ErrInterrupted) {
		t.Errorf("after the interrupt: %v", err)
	}
}
