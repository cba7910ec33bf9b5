package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// TestCompare: two flows and a Gaussian of a run, by hand.
func TestCompare(t *testing.T) {
	dir := t.TempDir()
	stage := func(use string, from any) map[string]any {
		return map[string]any{"kind": "likelihood", "use": use, "from": from}
	}
	save(t, dir, "run.json", map[string]any{"version": 1, "order": []string{},
		"stages": map[string]any{
			"a-scores": map[string]any{"status": "ran", "kind": "likelihood", "evaluations": 12},
			"b-scores": map[string]any{"status": "up-to-date", "kind": "likelihood"},
			"c-scores": map[string]any{"status": "waiting", "kind": "likelihood"},
			"gaussian": map[string]any{"status": "ran", "kind": "evaluator", "use": "gaussian", "metrics": map[string]any{"mean_log_prob": -5, "mean_log_prob_se": 0.5}, "summary": map[string]any{"data_rows": 3}},
			"a-paths":  map[string]any{"status": "ran", "kind": "evaluator", "use": "paths", "metrics": map[string]any{"straightness": 0.25}},
			"a-flow":   map[string]any{"kind": "trainer", "use": "mle", "seconds": 7, "summary": map[string]any{"weights": 100, "steps": 30, "best_step": 20}},
		},
		"file": map[string]any{"stages": map[string]any{
			"a-scores": stage("ode", map[string]any{"flow": "a-flow", "solver": map[string]any{"default": "dopri5"}}),
			"b-scores": stage("ode", map[string]any{"flow": "b-flow"}),
		}}})
	none := math.NaN()
	write(t, dir, "a-scores.parquet", map[string][]float64{"x": {0, 0, 0}, "log_prob": {-1, -2, -6}})
	write(t, dir, "b-scores.parquet", map[string][]float64{"x": {0, 0, 0}, "log_prob": {-2, -1, -2}})
	step, loss, valid := make([]float64, 30), make([]float64, 30), make([]float64, 30)
	for i := range step {
		step[i], loss[i], valid[i] = float64(i+1), float64(i), none
	}
	valid[19] = 18
	write(t, dir, "a-flow.metrics.parquet", map[string][]float64{"step": step, "loss": loss, "validation_loss": valid})

	c, err := Compare(dir)
	if err != nil {
		t.Fatal(err)
	}
	if c.Columns != 1 || len(c.Scores) != 3 {
		t.Fatalf("%+v", c)
	}
	a := c.Scores["a"]
	near(t, "straightness of a", c.Paths["a"]["straightness"], 0.25)
	near(t, "mean of a", a.NLL, 3)
	near(t, "error of a", a.SE, math.Sqrt((4.0+1+9)/2/3))
	if a.Rows != 3 || a.Evaluations != 12 || a.Training == nil || a.Training.Weights != 100 || a.Training.Best != 20 || a.Training.Gap == nil {
		t.Fatalf("%+v, %+v", a, a.Training)
	}
	near(t, "validation loss of a", *a.Training.Valid, 18)
	near(t, "gap of a", *a.Training.Gap, 18-14.5) // losses 10 to 19
	if c.Scores["b"].Training != nil {
		t.Error("a flow that no stage trained was trained")
	}
	d := c.Differences["a"]["b"] // -1, 1, 4
	near(t, "difference", d.Mean, 4.0/3)
	near(t, "its error", d.SE, math.Sqrt((49.0+1+64)/9/2/3))
	near(t, "part of the rows", d.Better, 2.0/3)
	near(t, "without the row that differs most", d.Others.Mean, 0)
	near(t, "its error", d.Others.SE, 1)
	near(t, "the other way", c.Differences["b"]["a"].Mean, -4.0/3)
	g := c.Differences["gaussian"]["a"]
	near(t, "from the Gaussian", g.Mean, 2)
	near(t, "its bound", g.SE, 0.5+a.SE)
	if !g.Bounded || d.Bounded {
		t.Error("which errors are bounds")
	}

	write(t, dir, "b-scores.parquet", map[string][]float64{"x": {0}, "log_prob": {-2}})
	if _, err := Compare(dir); err == nil {
		t.Error("one row is compared with three")
	}
	if _, err := Compare(t.TempDir()); err == nil {
		t.Error("a folder without a run has a comparison")
	}
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) < 1e-12) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func save(t *testing.T, dir, name string, v any) {
	t.Helper()
	raw, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name), raw, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// write writes columns of float64; NaN is null.
func write(t *testing.T, dir, name string, columns map[string][]float64) {
	t.Helper()
	var fields []arrow.Field
	var arrays []arrow.Array
	rows := 0
	for name, v := range columns {
		b := array.NewFloat64Builder(memory.DefaultAllocator)
		for _, x := range v {
			if math.IsNaN(x) {
				b.AppendNull()
			} else {
				b.Append(x)
			}
		}
		fields, arrays, rows = append(fields, arrow.Field{Name: name, Type: arrow.PrimitiveTypes.Float64, Nullable: true}), append(arrays, b.NewArray()), len(v)
	}
	schema := arrow.NewSchema(fields, nil)
	var buf bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &buf, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	if err == nil {
		err = w.Write(array.NewRecord(schema, arrays, int64(rows)))
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name), buf.Bytes(), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}
