package loader

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// source is what the splits of a table have in common.
type source struct {
	format  string
	names   []string
	counts  []int64 // rows of each file
	total   int64
	columns []int // places in the files
	schema  *arrow.Schema
	batch   int64
	drop    bool
	mem     memory.Allocator
}

// tableRows are the rows of one split.
type tableRows struct {
	*source
	part  interval
	split string

	mu    sync.Mutex
	known int64 // number of rows, -1 before it is known
}

func (r *tableRows) Schema() *arrow.Schema { return r.schema }

// Count needs no file: the split of a row is a function of its number. With
// dropped rows it is known after Run.
func (r *tableRows) Count() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known < 0 && !r.drop {
		r.known = r.part.count(0, r.total)
	}
	return r.known
}

func (r *tableRows) Open(ctx context.Context) (pipeline.Stream, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &tableStream{source: r.source, part: r.part}, nil
}

// countNulls reads all rows once: it tells how many have a null, and lets
// every split know its number of rows.
func (s *source) countNulls(ctx context.Context, splits map[string]pipeline.Rows) (dropped int64, err error) {
	counts := map[string]int64{}
	stream := &tableStream{source: s, part: everything}
	defer stream.Close()
	for {
		rec, first, err := stream.window(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, err
		}
		for i := range int(rec.NumRows()) {
			if nullIn(rec, i) >= 0 {
				dropped++
				continue
			}
			for name, rows := range splits {
				if rows.(*tableRows).part.has(first + int64(i)) {
					counts[name]++
				}
			}
		}
		rec.Release()
	}
	for name, rows := range splits {
		r := rows.(*tableRows)
		r.mu.Lock()
		r.known = counts[name]
		r.mu.Unlock()
	}
	return dropped, nil
}

// nullIn is the first column of rec that has a null in row i, or -1.
func nullIn(rec arrow.Record, i int) int {
	for c, arr := range rec.Columns() {
		if schemas.RowIsNull(arr, i) {
			return c
		}
	}
	return -1
}

// tableStream is one reading of a split.
type tableStream struct {
	*source
	part interval

	mu     sync.Mutex // Close may come from elsewhere
	file   int        // to open next
	first  int64      // number in the table of the next row
	begin  int64      // number in the table of the first row of the file
	opened *opened
	reader reader
	err    error
}

// Next gives the next batch of the split.
func (s *tableStream) Next(ctx context.Context) (arrow.Record, error) {
	for {
		rec, first, err := s.window(ctx)
		if err != nil {
			return nil, err
		}
		out, err := s.pick(rec, first)
		rec.Release()
		if err != nil {
			s.mu.Lock()
			s.fail(err)
			s.mu.Unlock()
			return nil, err
		}
		if out != nil {
			return out, nil
		}
	}
}

// window reads the next rows of the table; first is the number of the first.
func (s *tableStream) window(ctx context.Context) (rec arrow.Record, first int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, 0, s.err
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, 0, s.fail(err)
		}
		if s.reader == nil {
			if s.file == len(s.names) {
				return nil, 0, s.fail(io.EOF)
			}
			if err := s.next(); err != nil {
				return nil, 0, s.fail(err)
			}
		}
		rec, err := s.reader.Next()
		if err == io.EOF {
			if got := s.first - s.begin; got != s.counts[s.file-1] {
				return nil, 0, s.fail(schemas.Errorf(schemas.CorruptFile, "%s: %d rows were read where it said %d", s.names[s.file-1], got, s.counts[s.file-1]).At("path"))
			}
			s.release()
			continue
		}
		if err != nil {
			return nil, 0, s.fail(corrupt(s.names[s.file-1], err))
		}
		first = s.first
		s.first += rec.NumRows()
		return rec, first, nil
	}
}

// next opens the next file.
func (s *tableStream) next() error {
	name := s.names[s.file]
	f, err := open(s.format, name)
	if err != nil {
		return err
	}
	s.opened = f
	if f.NumRows() != s.counts[s.file] {
		return schemas.Errorf(schemas.CorruptFile, "%s has changed while it was used", name).At("path")
	}
	for i, c := range s.columns {
		if want := s.schema.Field(i); c >= f.Schema().NumFields() || f.Schema().Field(c).Name != want.Name || !arrow.TypeEqual(f.Schema().Field(c).Type, want.Type) {
			return schemas.Errorf(schemas.CorruptFile, "%s has changed while it was used", name).At("path")
		}
	}
	if s.reader, err = f.newReader(s.columns, s.batch, s.mem); err != nil {
		return corrupt(name, err)
	}
	s.begin = s.first
	s.file++
	return nil
}

func (s *tableStream) fail(err error) error {
	if s.err == nil {
		s.err = err
	}
	s.release()
	return s.err
}

func (s *tableStream) release() {
	if s.reader != nil {
		s.reader.Close()
		s.reader = nil
	}
	if s.opened != nil {
		s.opened.Close()
		s.opened = nil
	}
}

var errClosed = errors.New("loader: the stream is closed")

// Close ends the reading.
func (s *tableStream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail(errClosed)
	return nil
}

// pick gives the rows of a window that belong to the split and have no nulls;
// nil when there are none.
func (s *tableStream) pick(rec arrow.Record, first int64) (arrow.Record, error) {
	n := int(rec.NumRows())
	nulls := false
	for c, arr := range rec.Columns() {
		row := schemas.FirstNull(arr)
		if row < 0 {
			continue
		}
		if !s.drop {
			return nil, schemas.Errorf(schemas.NullValue, "%s: column %q is null in row %d of the file, counted from 0", s.names[s.file-1], s.schema.Field(c).Name, first-s.begin+int64(row)).
				Suggest("set `nulls: drop` to leave such rows out, or fill the column")
		}
		nulls = true
	}
	if s.part.all() && !nulls {
		return array.NewRecord(s.schema, rec.Columns(), int64(n)), nil
	}
	rows := make([]int, 0, n)
	for i := range n {
		if s.part.has(first+int64(i)) && (!nulls || nullIn(rec, i) < 0) {
			rows = append(rows, i)
		}
	}
	if len(rows) == 0 {
		return nil, nil
	}
	return take(s.mem, s.schema, rec, rows), nil
}

// takeText is take for a column whose values are not of some bytes each: text
// and truth values.
func takeText(mem memory.Allocator, t arrow.DataType, arr arrow.Array, rows []int) arrow.Array {
	b := array.NewBuilder(mem, t)
	defer b.Release()
	b.Reserve(len(rows))
	for _, r := range rows {
		switch b := b.(type) {
		case *array.StringBuilder:
			b.Append(arr.(*array.String).Value(r))
		case *array.LargeStringBuilder:
			b.Append(arr.(*array.LargeString).Value(r))
		case *array.BooleanBuilder:
			b.Append(arr.(*array.Boolean).Value(r))
		default:
			panic("loader: column of another type than a loader gives")
		}
	}
	return b.NewArray()
}

// take copies rows that have no nulls. Columns begin at place 0 of their
// buffers, as readers make them.
func take(mem memory.Allocator, schema *arrow.Schema, rec arrow.Record, rows []int) arrow.Record {
	out := make([]arrow.Array, 0, len(rec.Columns()))
	defer func() {
		for _, a := range out {
			a.Release()
		}
	}()
	for c, arr := range rec.Columns() {
		switch arr.DataType().ID() {
		case arrow.STRING, arrow.LARGE_STRING, arrow.BOOL:
			out = append(out, takeText(mem, schema.Field(c).Type, arr, rows))
			continue
		}
		data, width := arr.Data(), 1
		list, isList := arr.DataType().(*arrow.FixedSizeListType)
		if isList {
			data, width = data.Children()[0], int(list.Len())
		}
		size := data.DataType().(arrow.FixedWidthDataType).Bytes() * width
		from := data.Buffers()[1].Bytes()
		buf := memory.NewResizableBuffer(mem)
		buf.Resize(size * len(rows))
		to := buf.Bytes()
		for i, r := range rows {
			copy(to[i*size:(i+1)*size], from[r*size:])
		}
		leaf := array.NewData(data.DataType(), len(rows)*width, []*memory.Buffer{nil, buf}, nil, 0, 0)
		buf.Release()
		if isList {
			whole := array.NewData(list, len(rows), []*memory.Buffer{nil}, []arrow.ArrayData{leaf}, 0, 0)
			leaf.Release()
			leaf = whole
		}
		out = append(out, array.MakeFromData(leaf))
		leaf.Release()
	}
	return array.NewRecord(schema, out, int64(len(rows)))
}
