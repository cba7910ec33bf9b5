package acceptance

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// A table that is much larger than its two chosen columns trains and scores in
// bounded memory.
func TestWideTable(t *testing.T) {
	slow(t)
	rows, scored := 200000, 20000
	if soak {
		rows, scored = 3000000, 100000
	}
	dir := t.TempDir()
	null := func(name string, ty arrow.DataType) arrow.Field {
		return arrow.Field{Name: name, Type: ty, Nullable: true}
	}
	schema := arrow.NewSchema([]arrow.Field{
		null("id", arrow.PrimitiveTypes.Int64), null("who", arrow.BinaryTypes.String), null("when", arrow.FixedWidthTypes.Timestamp_us),
		null("u", arrow.PrimitiveTypes.Float64), null("note", arrow.BinaryTypes.String), null("v", arrow.PrimitiveTypes.Float32),
		null("kind", arrow.PrimitiveTypes.Uint8), null("size", arrow.PrimitiveTypes.Int16),
	}, nil)
	r := rand.New(rand.NewPCG(8, 8))
	writeTable(t, filepath.Join(dir, "wide.parquet"), schema, rows, 50000, func(b *array.RecordBuilder, from, to int) {
		for i := from; i < to; i++ {
			z := r.NormFloat64()
			b.Field(0).(*array.Int64Builder).Append(int64(i))
			b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("somebody %d of the table", i*7919))
			b.Field(2).(*array.TimestampBuilder).Append(arrow.Timestamp(1.7e15 + float64(i)*1e6))
			b.Field(3).(*array.Float64Builder).Append(z)
			b.Field(4).(*array.StringBuilder).Append(fmt.Sprintf("%x-%x", r.Uint64(), r.Uint64()))
			b.Field(5).(*array.Float32Builder).Append(float32(z + r.NormFloat64()))
			b.Field(6).(*array.Uint8Builder).Append(uint8(i))
			b.Field(7).(*array.Int16Builder).Append(int16(i))
		}
	})
	place(t, dir, "p.yaml", fmt.Sprintf(`
version: 1
name: wide
stages:
  data: {kind: loader, use: parquet, with: {path: wide.parquet, columns: [u, v], split: {train: 0.9, test: %g}}}
  scaled: {kind: transform, use: standardize, from: {data: data}}
  field: {kind: model, use: mlp, with: {hidden: [32, 32]}}
  train: {kind: trainer, use: cfm, from: {data: scaled.train, model: field}, with: {steps: 500, batch: 1024}}
  solver: {kind: solver, use: dopri5, with: {rtol: 1e-4, atol: 1e-4}}
  scores: {kind: likelihood, use: ode, from: {flow: train, data: data.test, solver: solver}, to: scores.parquet}
`, float64(scored)/float64(rows)))
	took := must(t, dir, "run", "p.yaml", "--out", "out", "--quiet")
	t.Logf("%d rows: %.1f s, at most %d MB", rows, took.seconds, took.peak>>20)
	if took.peak >= 1<<30 {
		t.Errorf("%d MB of memory", took.peak>>20)
	}
	scores := readTable(t, dir, "out", "scores.parquet")
	if scores.rows < scored*95/100 || scores.rows > scored*105/100 {
		t.Errorf("%d rows were scored, want about %d", scores.rows, scored)
	}
	if names := scores.fieldNames(); fmt.Sprint(names) != "[u v log_prob]" {
		t.Errorf("columns %v", names)
	}
}
