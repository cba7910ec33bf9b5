package evaluator

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/flow"
)

func TestConstantDimensionsAreLeftOut(t *testing.T) {
	x := []float64{1, 5, 7, 2, 5, 8}
	y := []float64{3, 6, 9}
	kx, ky, kept, dropped := leaveOutConstant(x, y, []string{"a", "b", "c"})
	if !reflect.DeepEqual(kx, []float64{1, 7, 2, 8}) || !reflect.DeepEqual(ky, []float64{3, 9}) || !reflect.DeepEqual(kept, []string{"a", "c"}) || !reflect.DeepEqual(dropped, []string{"b"}) {
		t.Errorf("%v %v %v %v", kx, ky, kept, dropped)
	}
	if _, _, kept, dropped := leaveOutConstant(x[:3], y, []string{"a", "b", "c"}); len(kept) != 0 || len(dropped) != 3 {
		t.Errorf("one row: %v %v", kept, dropped)
	}
}

func TestRoomForExactRows(t *testing.T) {
	env := pipeline.Env{Memory: 512 << 20}
	if err := roomFor(env, "exact_rows", 10_000); err != nil {
		t.Errorf("10,000 rows in the usual memory: %v", err)
	}
	env.Memory = 100 << 20
	err := roomFor(env, "exact_rows", 10_000)
	var e *schemas.Error
	if !errors.As(err, &e) || e.Reason != schemas.TooLarge || e.Path != "exact_rows" || !strings.Contains(e.Suggestion, "exact_rows: 3135") {
		t.Fatalf("10,000 rows in 100 MiB: %v", err)
	}
	if err := roomFor(env, "exact_rows", 3135); err != nil {
		t.Errorf("what is suggested: %v", err)
	}
}

// Tables that the memory of the run cannot hold are refused by number of rows and
// columns, before anything is read, and what is suggested fits.
func TestRoomForRows(t *testing.T) {
	r := pipeline.NewRegistry()
	Register(r, flow.Registry{})
	g, s := pipeline.Input{Service: shiftFlow(t, []float64{1}, 1).Field64}, pipeline.Input{Service: precise(1)}
	rows := func(columns int, n int64) pipeline.Input { return pipeline.Input{Rows: many{columns, n}} }
	for _, c := range []struct {
		use, with string
		memory    int64
		in        pipeline.Inputs
		path      string
	}{
		{"two-sample", `{"rows": 100000, "exact_rows": 0}`, 100_000 * 16 * 3, pipeline.Inputs{"data": rows(3, 1<<40), "sample": rows(3, -1)}, "rows"},
		{"two-sample", `{"rows": 100000, "exact_rows": 0}`, 100_000 * 16 * 3, pipeline.Inputs{"data": rows(3, 400), "sample": rows(3, 400)}, ""},
		{"two-sample", `{"rows": 100000, "exact_rows": 0}`, 2 * 100_000 * 16 * 3, pipeline.Inputs{"data": rows(3, 1<<40), "sample": rows(3, -1)}, ""},
		{"gaussian", `{}`, 1 << 20, pipeline.Inputs{"data": rows(1000, 9), "train": rows(1000, 9)}, "from.train"},
		{"gaussian", `{}`, 1 << 20, pipeline.Inputs{"data": rows(100, 9), "train": rows(100, 9)}, ""},
		{"paths", `{"rows": 10000000, "exact_rows": 100}`, 1 << 28, pipeline.Inputs{"flow": g, "solver": s}, "rows"},
		{"paths", `{"rows": 3000000, "exact_rows": 100}`, 1 << 28, pipeline.Inputs{"flow": g, "solver": s}, ""},
	} {
		i, _ := r.Find("evaluator", c.use)
		config, err := i.Config.Resolve([]byte(c.with))
		if err != nil {
			t.Fatal(err)
		}
		st, err := i.Build(t.Context(), pipeline.Env{Stage: "p", Memory: c.memory}, config)
		if err != nil {
			t.Fatal(err)
		}
		_, err = st.Check(t.Context(), c.in)
		var e *schemas.Error
		if (c.path == "") != (err == nil) || err != nil && (!errors.As(err, &e) || e.Reason != schemas.TooLarge || e.Path != c.path) {
			t.Errorf("%s %s: %v, want an error at %q", c.use, c.with, err, c.path)
		}
	}
}

// many is rows of float64 columns that nobody reads.
type many struct {
	columns int
	rows    int64
}

func (m many) Schema() *arrow.Schema {
	var fields []arrow.Field
	for i := range m.columns {
		fields = append(fields, arrow.Field{Name: fmt.Sprint("c", i), Type: arrow.PrimitiveTypes.Float64})
	}
	return arrow.NewSchema(fields, nil)
}
func (m many) Count() int64                                { return m.rows }
func (many) Open(context.Context) (pipeline.Stream, error) { return nil, errors.New("not read") }

func TestPathsRefuses(t *testing.T) {
	r := pipeline.NewRegistry()
	Register(r, flow.Registry{})
	i, _ := r.Find("evaluator", "paths")
	config, err := i.Config.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	st, err := i.Build(context.Background(), pipeline.Env{Stage: "p"}, config)
	if err != nil {
		t.Fatal(err)
	}
	g := pipeline.Input{Service: shiftFlow(t, []float64{1}, 1).Field64}
	s := pipeline.Input{Service: precise(1)}
	for name, c := range map[string]struct {
		in     pipeline.Inputs
		reason schemas.Reason
		path   string
	}{
		"no flow":      {pipeline.Inputs{"solver": s}, schemas.MissingPort, "from.flow"},
		"no solver":    {pipeline.Inputs{"flow": g}, schemas.WrongPort, "from.solver"},
		"other column": {pipeline.Inputs{"flow": g, "solver": s, "data": {Rows: table{"y"}}}, schemas.UnknownColumn, "from.data"},
		"nothing":      {pipeline.Inputs{"flow": g, "solver": s, "data": {Rows: table{"x1"}}}, "", ""},
	} {
		_, err := st.Check(context.Background(), c.in)
		var e *schemas.Error
		if c.reason == "" && err != nil || c.reason != "" && (!errors.As(err, &e) || e.Reason != c.reason || e.Path != c.path) {
			t.Errorf("%s: %v, want %s at %s", name, err, c.reason, c.path)
		}
	}
}

// table is rows of a float64 column that nobody reads.
type table struct{ column string }

func (t table) Schema() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{{Name: t.column, Type: arrow.PrimitiveTypes.Float64}}, nil)
}
func (table) Count() int64                                  { return 0 }
func (table) Open(context.Context) (pipeline.Stream, error) { return nil, errors.New("not read") }
