package writer

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// table is an opened file.
type table interface {
	Schema() *arrow.Schema
	NumRows() int64
	newReader(columns []int, rows int64, mem memory.Allocator) (reader, error)
}

// reader gives windows of rows.
type reader interface {
	Next() (arrow.Record, error)
	Close()
}

// readBatch is the number of rows of a batch that is read back, at most.
const readBatch = 64 << 10

// Readable implements pipeline.RowFile.
func (f *rowFile) Readable() bool { return f.format.open != nil }

// Open gives the rows of a file.
func (f *rowFile) Open(ctx context.Context, path string) (pipeline.Rows, error) {
	if !f.Readable() {
		panic("writer: files of this format cannot be read back")
	}
	t, file, err := f.load(path)
	if err != nil {
		return nil, err
	}
	file.Close()
	fields := make([]arrow.Field, t.Schema().NumFields())
	for i, field := range t.Schema().Fields() {
		field.Metadata = without(field.Metadata, "PARQUET:field_id")
		fields[i] = field
	}
	meta := t.Schema().Metadata()
	return &storedRows{f, path, arrow.NewSchema(fields, &meta), t.NumRows()}, ctx.Err()
}

func (f *rowFile) load(path string) (table, *os.File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, pipeline.FileError(err)
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, nil, pipeline.FileError(err)
	}
	t, err := f.format.open(file, info.Size())
	if err != nil {
		file.Close()
		return nil, nil, corrupt(path, err)
	}
	return t, file, nil
}

func corrupt(path string, err error) error {
	return schemas.Errorf(schemas.CorruptFile, "%s: %w", path, err)
}

// storedRows are the rows of a file.
type storedRows struct {
	file   *rowFile
	path   string
	schema *arrow.Schema
	count  int64
}

func (r *storedRows) Schema() *arrow.Schema { return r.schema }
func (r *storedRows) Count() int64          { return r.count }

func (r *storedRows) Open(ctx context.Context) (pipeline.Stream, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t, file, err := r.file.load(r.path)
	if err != nil {
		return nil, err
	}
	all := make([]int, t.Schema().NumFields())
	for i := range all {
		all[i] = i
	}
	s := &storedStream{rows: r, file: file}
	if t.NumRows() != r.count || len(all) != r.schema.NumFields() {
		err = errors.New("it has changed while it was used")
	} else {
		s.reader, err = t.newReader(all, readBatch, r.file.mem)
	}
	if err != nil {
		file.Close()
		return nil, corrupt(r.path, err)
	}
	return s, nil
}

type storedStream struct {
	rows   *storedRows
	mu     sync.Mutex
	file   *os.File
	reader reader
	err    error
}

func (s *storedStream) Next(ctx context.Context) (arrow.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = ctx.Err()
	}
	if s.err != nil {
		return nil, s.err
	}
	rec, err := s.reader.Next()
	if err != nil {
		if err != io.EOF {
			err = corrupt(s.rows.path, err)
		}
		s.err = err
		return nil, err
	}
	defer rec.Release()
	return array.NewRecord(s.rows.schema, rec.Columns(), rec.NumRows()), nil
}

func (s *storedStream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = errors.New("writer: the stream is closed")
	}
	if s.reader != nil {
		s.reader.Close()
		s.reader = nil
		s.file.Close()
	}
	return nil
}
