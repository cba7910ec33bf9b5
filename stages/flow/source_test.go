package flow

import (
	"context"
	"errors"
	"io"
	"math"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/transform"
)

// A flow from a table gives its rows in their order, has no density, and is asked for
// its source.
func TestTable(t *testing.T) {
	b := Table{X: []float64{1, 2, 3, 4, 5, 6}, Dim: 2}
	x := make([]float64, 4)
	b.Sample(x, random.Key(7), 1, 2)
	if x[0] != 3 || x[3] != 6 {
		t.Errorf("rows 1 and 2 are %v", x)
	}
	b.LogProb(x[:1], b.X[:2], 1)
	if !math.IsNaN(x[0]) {
		t.Errorf("log-density %v", x[0])
	}
	d := Description{Base: BaseTable, Columns: []schemas.Column{{Name: "x", Type: "double"}}}
	for name, err := range map[string]error{
		"from.source": CheckSource(d, pipeline.Input{}, "source"),
		"log_prob":    d.CheckDensity("log_prob"),
	} {
		var e *schemas.Error
		if !errors.As(err, &e) || e.Path != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	d.Base = ""
	if err := errors.Join(CheckSource(d, pipeline.Input{}, "source"), d.CheckDensity("log_prob")); err != nil {
		t.Errorf("a flow from noise: %v", err)
	}
	d.Base = "nothing"
	d.Version, d.Dim, d.Target, d.BaseStd = FormatVersion, 1, TargetVelocity, 1
	if err := d.Check(); err == nil {
		t.Error("a base of another name is taken")
	}
}

// one is a table of one batch.
type one struct{ rec arrow.Record }

func (o *one) Schema() *arrow.Schema                         { return o.rec.Schema() }
func (o *one) Count() int64                                  { return o.rec.NumRows() }
func (o *one) Open(context.Context) (pipeline.Stream, error) { return &onceRead{rec: o.rec}, nil }

type onceRead struct{ rec arrow.Record }

func (o *onceRead) Close() error { return nil }
func (o *onceRead) Next(context.Context) (arrow.Record, error) {
	rec := o.rec
	if o.rec = nil; rec == nil {
		return nil, io.EOF
	}
	rec.Retain()
	return rec, nil
}

// Rows to start from are on the lattice that the flow was trained on, as rows to score
// are: a value in a gap is an error at the port.
func TestReadPointsOnLattice(t *testing.T) {
	columns := []schemas.Column{{Name: "n", Type: "float64"}}
	fit, err := transform.Restore(schemas.Transform{Use: "dequantize", State: map[string]any{"key": "7", "bins": []any{map[string]any{"step": 1, "unit": 1}}}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for last, good := range map[float64]bool{3: true, 2.5: false} {
		arrays, err := schemas.Build(memory.DefaultAllocator, columns, []float64{1, 2, last}, 3)
		if err != nil {
			t.Fatal(err)
		}
		rec := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Float64}}, nil), arrays, 3)
		_, err = ReadPoints(t.Context(), pipeline.Env{}, &one{rec}, "source", columns, []transform.Fitted{fit}, 0)
		var e *schemas.Error
		if good != (err == nil) || !good && (!errors.As(err, &e) || e.Path != "from.source") {
			t.Errorf("%v: %v", last, err)
		}
	}
}
