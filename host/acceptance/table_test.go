package acceptance

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// writeTable writes rows made by fill, chunk by chunk, each a row group. All
// columns are nullable and the Arrow schema is stored: without either, this
// version of the library loses lists.
func writeTable(t *testing.T, path string, schema *arrow.Schema, rows, chunk int, fill func(b *array.RecordBuilder, from, to int)) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := pqarrow.NewFileWriter(schema, f, parquet.NewWriterProperties(parquet.WithMaxRowGroupLength(int64(chunk))),
		pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < rows; at += chunk {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		fill(b, at, min(at+chunk, rows))
		rec := b.NewRecord()
		if err := w.Write(rec); err != nil {
			t.Fatal(err)
		}
		rec.Release()
		b.Release()
	}
	if err := w.Close(); err != nil { // closes f too
		t.Fatal(err)
	}
}

// writeColumns writes a table of float64 columns.
func writeColumns(t *testing.T, path string, names []string, columns [][]float64) {
	t.Helper()
	var fields []arrow.Field
	for _, n := range names {
		fields = append(fields, arrow.Field{Name: n, Type: arrow.PrimitiveTypes.Float64, Nullable: true})
	}
	writeTable(t, path, arrow.NewSchema(fields, nil), len(columns[0]), 1<<16, func(b *array.RecordBuilder, from, to int) {
		for i := range columns {
			b.Field(i).(*array.Float64Builder).AppendValues(columns[i][from:to], nil)
		}
	})
}

// table is a Parquet file read back.
type table struct {
	schema *arrow.Schema
	rows   int
	nulls  int
	// numbers holds the columns that are numbers, as float64.
	numbers map[string][]float64
}

// readTable reads a whole file and checks that it holds as many rows as its
// footer says, without a null.
func readTable(t *testing.T, path ...string) table {
	t.Helper()
	tb, err := openTable(filepath.Join(path...))
	if err != nil {
		t.Fatalf("%s: %v", filepath.Join(path...), err)
	}
	if tb.nulls > 0 {
		t.Errorf("%s: %d nulls", filepath.Join(path...), tb.nulls)
	}
	return tb
}

func openTable(path string) (tb table, err error) {
	r, err := file.OpenParquetFile(path, false)
	if err != nil {
		return tb, err
	}
	defer r.Close()
	f, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{BatchSize: 1 << 14}, memory.DefaultAllocator)
	if err != nil {
		return tb, err
	}
	if tb.schema, err = f.Schema(); err != nil {
		return tb, err
	}
	batches, err := f.GetRecordReader(context.Background(), nil, nil)
	if err != nil {
		return tb, err
	}
	defer batches.Release()
	tb.numbers = map[string][]float64{}
	for batches.Next() {
		rec := batches.Record()
		tb.rows += int(rec.NumRows())
		for i, c := range rec.Columns() {
			tb.nulls += c.NullN()
			if v, ok := floats(c); ok {
				tb.numbers[rec.ColumnName(i)] = append(tb.numbers[rec.ColumnName(i)], v...)
			}
		}
	}
	if err := batches.Err(); err != nil && !errors.Is(err, io.EOF) {
		return tb, err
	}
	if int64(tb.rows) != r.NumRows() {
		return tb, errors.New("the footer promises other rows than there are")
	}
	return tb, nil
}

func floats(c arrow.Array) ([]float64, bool) {
	out := make([]float64, c.Len())
	switch a := c.(type) {
	case *array.Float64:
		copy(out, a.Float64Values())
	case *array.Float32:
		for i, v := range a.Float32Values() {
			out[i] = float64(v)
		}
	case *array.Int64:
		for i, v := range a.Int64Values() {
			out[i] = float64(v)
		}
	case *array.Int32:
		for i, v := range a.Int32Values() {
			out[i] = float64(v)
		}
	case *array.Int16:
		for i, v := range a.Int16Values() {
			out[i] = float64(v)
		}
	case *array.Uint8:
		for i, v := range a.Uint8Values() {
			out[i] = float64(v)
		}
	default:
		return nil, false
	}
	return out, true
}

// columns picks number columns in the order of names.
func (tb table) columns(t *testing.T, names ...string) [][]float64 {
	t.Helper()
	var out [][]float64
	for _, n := range names {
		c, ok := tb.numbers[n]
		if !ok {
			t.Fatalf("there is no column of numbers %q in %v", n, tb.schema)
		}
		out = append(out, c)
	}
	return out
}

// fieldNames lists the columns of the file.
func (tb table) fieldNames() []string {
	var out []string
	for _, f := range tb.schema.Fields() {
		out = append(out, f.Name)
	}
	return out
}
