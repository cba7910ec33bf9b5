package writer

import (
	"context"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// omitted is a column that is left out while every value equals usual.
type omitted struct {
	at    int // place in the whole schema
	field arrow.Field
	usual string
	runs  []run // of rows that deviate, in order
}

// run is a run of equal values.
type run struct {
	first, rows int64
	value       string
	null        bool
}

// narrowed are rows without the columns that may be left out; reading them
// fills the runs. They are read once at a time.
type narrowed struct {
	pipeline.Rows
	columns []*omitted
	schema  *arrow.Schema
	keep    []int
}

func leaveOut(rows pipeline.Rows) *narrowed {
	n := &narrowed{Rows: rows}
	var fields []arrow.Field
	for i, f := range rows.Schema().Fields() {
		if k := f.Metadata.FindKey(schemas.MetaOmitWhen); k >= 0 {
			usual := f.Metadata.Values()[k]
			n.columns = append(n.columns, &omitted{at: i, field: f, usual: usual})
			continue
		}
		fields, n.keep = append(fields, f), append(n.keep, i)
	}
	meta := rows.Schema().Metadata()
	n.schema = arrow.NewSchema(fields, &meta)
	return n
}

func (n *narrowed) deviates() bool {
	for _, c := range n.columns {
		if len(c.runs) > 0 {
			return true
		}
	}
	return false
}

func (n *narrowed) Schema() *arrow.Schema { return n.schema }

func (n *narrowed) Open(ctx context.Context) (pipeline.Stream, error) {
	s, err := n.Rows.Open(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range n.columns {
		c.runs = nil
	}
	return &narrowStream{Stream: s, rows: n}, nil
}

type narrowStream struct {
	pipeline.Stream
	rows *narrowed
	next int64
}

func (s *narrowStream) Next(ctx context.Context) (arrow.Record, error) {
	rec, err := s.Stream.Next(ctx)
	if err != nil {
		return nil, err
	}
	defer rec.Release()
	for _, c := range s.rows.columns {
		c.note(rec.Column(c.at), s.next)
	}
	s.next += rec.NumRows()
	arrays := make([]arrow.Array, len(s.rows.keep))
	for i, k := range s.rows.keep {
		arrays[i] = rec.Column(k)
	}
	return array.NewRecord(s.rows.schema, arrays, rec.NumRows()), nil
}

// note remembers the rows that deviate. Neighbours of equal value make one
// run, and equal texts share their bytes with the run before.
func (c *omitted) note(arr arrow.Array, first int64) {
	for i := range arr.Len() {
		null, value := arr.IsNull(i), ""
		if !null {
			if value = arr.ValueStr(i); value == c.usual {
				continue
			}
		}
		row := first + int64(i)
		if k := len(c.runs) - 1; k >= 0 {
			last := &c.runs[k]
			if last.null == null && last.value == value {
				if value = last.value; last.first+last.rows == row {
					last.rows++
					continue
				}
			}
		}
		c.runs = append(c.runs, run{row, 1, value, null})
	}
}

// wide are narrowed rows, read back from a file, with the columns that
// deviate put in again.
type wide struct {
	pipeline.Rows
	from *narrowed
	mem  memory.Allocator
}

func (w *wide) Schema() *arrow.Schema {
	s := w.from.Rows.Schema()
	var fields []arrow.Field
	k := 0
	for i := range s.NumFields() {
		if k < len(w.from.columns) && w.from.columns[k].at == i {
			if c := w.from.columns[k]; len(c.runs) > 0 {
				fields = append(fields, c.field)
			}
			k++
			continue
		}
		fields = append(fields, s.Field(i))
	}
	meta := s.Metadata()
	return arrow.NewSchema(fields, &meta)
}

func (w *wide) Open(ctx context.Context) (pipeline.Stream, error) {
	s, err := w.Rows.Open(ctx)
	if err != nil {
		return nil, err
	}
	return &wideStream{Stream: s, rows: w, schema: w.Schema(), at: make([]int, len(w.from.columns))}, nil
}

type wideStream struct {
	pipeline.Stream
	rows   *wide
	schema *arrow.Schema
	next   int64
	at     []int // run of each column that comes next
}

func (s *wideStream) Next(ctx context.Context) (arrow.Record, error) {
	rec, err := s.Stream.Next(ctx)
	if err != nil {
		return nil, err
	}
	defer rec.Release()
	arrays := make([]arrow.Array, 0, s.schema.NumFields())
	narrow, k := 0, 0
	columns := s.rows.from.columns
	for i := range s.rows.from.Rows.Schema().NumFields() {
		if k < len(columns) && columns[k].at == i {
			if len(columns[k].runs) > 0 {
				arr, err := s.column(columns[k], &s.at[k], rec.NumRows())
				if err != nil {
					return nil, err
				}
				defer arr.Release()
				arrays = append(arrays, arr)
			}
			k++
			continue
		}
		arrays = append(arrays, rec.Column(narrow))
		narrow++
	}
	s.next += rec.NumRows()
	return array.NewRecord(s.schema, arrays, rec.NumRows()), nil
}

// column makes rows next .. next+rows-1 of a column.
func (s *wideStream) column(c *omitted, at *int, rows int64) (arrow.Array, error) {
	b := array.NewBuilder(s.rows.mem, c.field.Type)
	defer b.Release()
	for row := s.next; row < s.next+rows; row++ {
		for *at < len(c.runs) && row >= c.runs[*at].first+c.runs[*at].rows {
			*at++
		}
		value, null := c.usual, false
		if *at < len(c.runs) && row >= c.runs[*at].first {
			value, null = c.runs[*at].value, c.runs[*at].null
		}
		if null {
			b.AppendNull()
		} else if err := b.AppendValueFromString(value); err != nil {
			return nil, err
		}
	}
	return b.NewArray(), nil
}
