package conform

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"math"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/stages/random"
)

// table is rows of this process, offered to a stage.
type table struct {
	schema  *arrow.Schema
	batches []arrow.Record
	rows    int64
}

// batchRows cuts toy tables unevenly.
var batchRows = []int{1, 300, 64, 1000}

// toy is a table of independent normal columns a, b, ... of float64 with their
// means and standard deviations, in uneven batches.
func toy(seed uint64, rows int, mean, std []float64) *table {
	d := len(mean)
	t := &table{rows: int64(rows)}
	var fields []arrow.Field
	for j := range d {
		fields = append(fields, arrow.Field{Name: columnName(j), Type: arrow.PrimitiveTypes.Float64, Nullable: true})
	}
	t.schema = arrow.NewSchema(fields, nil)
	key := random.NewKey(seed, "conform", "toy")
	z := make([]float64, d)
	for at, n := 0, 0; at < rows; at += n {
		n = min(batchRows[len(t.batches)%len(batchRows)], rows-at)
		b := array.NewRecordBuilder(memory.DefaultAllocator, t.schema)
		for r := range n {
			key.Normals64(z, uint64(at+r), 0)
			for j := range d {
				b.Field(j).(*array.Float64Builder).Append(mean[j] + std[j]*z[j])
			}
		}
		t.batches = append(t.batches, b.NewRecord())
		b.Release()
	}
	return t
}

func columnName(j int) string { return string(rune('a' + j)) }

// Schema implements pipeline.Rows.
func (t *table) Schema() *arrow.Schema { return t.schema }

// Count implements pipeline.Rows.
func (t *table) Count() int64 { return t.rows }

// Open implements pipeline.Rows.
func (t *table) Open(context.Context) (pipeline.Stream, error) { return &reading{table: t}, nil }

type reading struct {
	*table
	at int
}

// Next implements pipeline.Stream.
func (r *reading) Next(ctx context.Context) (arrow.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.at == len(r.batches) {
		return nil, io.EOF
	}
	rec := r.batches[r.at]
	rec.Retain()
	r.at++
	return rec, nil
}

// Close implements pipeline.Stream.
func (r *reading) Close() error { return nil }

// numbers reads the columns of floats of rows, [row][column].
func numbers(ctx context.Context, rows pipeline.Rows) (x [][]float64, err error) {
	err = pipeline.Each(ctx, rows, func(rec arrow.Record) error {
		at := len(x)
		for range rec.NumRows() {
			x = append(x, nil)
		}
		for _, c := range rec.Columns() {
			switch c := c.(type) {
			case *array.Float64:
				for r := range c.Len() {
					x[at+r] = append(x[at+r], c.Value(r))
				}
			case *array.Float32:
				for r := range c.Len() {
					x[at+r] = append(x[at+r], float64(c.Value(r)))
				}
			case *array.FixedSizeList:
				v, ok := c.ListValues().(*array.Float32)
				if !ok {
					continue
				}
				w := int(c.DataType().(*arrow.FixedSizeListType).Len())
				for r := range c.Len() {
					for k := range w {
						x[at+r] = append(x[at+r], float64(v.Value((c.Offset()+r)*w+k)))
					}
				}
			}
		}
		return nil
	})
	return x, err
}

// digest reads rows and adds all of their bytes, their schema and how they were
// cut into batches.
func digest(ctx context.Context, h hash.Hash, rows pipeline.Rows) (n int64, err error) {
	fmt.Fprintln(h, rows.Schema(), rows.Count())
	err = pipeline.Each(ctx, rows, func(rec arrow.Record) error {
		n += rec.NumRows()
		raw, err := wire.Encode(rec)
		if err != nil {
			return err
		}
		h.Write(raw)
		return nil
	})
	return n, err
}

// rowHashes are digests of single rows, for sets of them.
func rowHashes(ctx context.Context, rows pipeline.Rows) (out [][sha256.Size]byte, err error) {
	err = pipeline.Each(ctx, rows, func(rec arrow.Record) error {
		for r := range rec.NumRows() {
			one := rec.NewSlice(r, r+1)
			raw, err := wire.Encode(one)
			one.Release()
			if err != nil {
				return err
			}
			out = append(out, sha256.Sum256(raw))
		}
		return nil
	})
	return out, err
}

// sameSchema says how what run gives differs from what check promised.
func sameSchema(checked, ran map[string]pipeline.Rows) error {
	for name, c := range checked {
		r := ran[name]
		if r == nil {
			return fmt.Errorf("check promises the split %q, run does not give it", name)
		}
		a, b := columnsOf(c.Schema()), columnsOf(r.Schema())
		if a != b {
			return fmt.Errorf("check promises the columns %s, run gives %s", a, b)
		}
		if c.Count() >= 0 && r.Count() >= 0 && c.Count() != r.Count() {
			return fmt.Errorf("check promises %d rows, run gives %d", c.Count(), r.Count())
		}
	}
	if len(ran) != len(checked) {
		return fmt.Errorf("check promises %d splits, run gives %d", len(checked), len(ran))
	}
	return nil
}

func columnsOf(s *arrow.Schema) string {
	var out []string
	for _, f := range s.Fields() {
		out = append(out, f.Name+" "+f.Type.String())
	}
	return strings.Join(out, ", ")
}

// moments are the mean and variance of each column.
func moments(x [][]float64) (mean, variance []float64) {
	mean, variance = make([]float64, len(x[0])), make([]float64, len(x[0]))
	n := float64(len(x))
	for _, r := range x {
		for j := range mean {
			mean[j] += r[j] / n
		}
	}
	for _, r := range x {
		for j := range mean {
			variance[j] += (r[j] - mean[j]) * (r[j] - mean[j]) / n
		}
	}
	return mean, variance
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// float reads a value of a column of floats.
func float(c arrow.Array, r int) (float64, bool) {
	switch c := c.(type) {
	case *array.Float64:
		return c.Value(r), true
	case *array.Float32:
		return float64(c.Value(r)), true
	}
	return 0, false
}
