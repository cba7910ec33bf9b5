package arrowfile

import (
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// windowBytes bounds what one window of rows may take.
const windowBytes = 32 << 20

// Reader gives the rows of some columns, in order. It is not safe for
// concurrent use; any number of Readers may read one File.
type Reader struct {
	f       *File
	schema  *arrow.Schema
	columns []int
	mem     memory.Allocator
	window  int64

	next    int // batch to open
	left    int64
	sources []*column
	err     error
}

// Readable says whether a column of the type can be read.
func Readable(t arrow.DataType) bool {
	_, err := columnOf(t)
	return err == nil
}

// NewReader starts a reading of columns, given by number. Windows have at
// most rows rows, fewer when rows are wide.
func (f *File) NewReader(columns []int, rows int64, mem memory.Allocator) (*Reader, error) {
	r := &Reader{f: f, columns: columns, mem: mem}
	fields := make([]arrow.Field, len(columns))
	wide := int64(1)
	for i, c := range columns {
		fields[i] = f.schema.Field(c)
		col, err := columnOf(fields[i].Type)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", fields[i].Name, err)
		}
		wide += col.rowBytes()
	}
	meta := f.schema.Metadata()
	r.schema = arrow.NewSchema(fields, &meta)
	// Windows start at multiples of 8 rows, so that bits need no shifting.
	r.window = max(8, min(rows, windowBytes/wide)/8*8)
	return r, nil
}

// Schema is that of the records.
func (r *Reader) Schema() *arrow.Schema { return r.schema }

// Next gives the next rows, which the caller releases, or io.EOF.
func (r *Reader) Next() (rec arrow.Record, err error) {
	if r.err != nil {
		return nil, r.err
	}
	defer func() {
		if p := recover(); p != nil {
			rec, err = nil, errMetadata
		}
		if err != nil {
			r.err = err
			r.closeBatch()
		}
	}()
	for r.left == 0 {
		r.closeBatch()
		if r.next == len(r.f.batches) {
			return nil, io.EOF
		}
		if err := r.openBatch(r.f.batches[r.next]); err != nil {
			return nil, fmt.Errorf("record batch %d: %w", r.next, err)
		}
		r.next++
	}
	n := min(r.left, r.window)
	arrays := make([]arrow.Array, 0, len(r.sources))
	defer func() {
		for _, a := range arrays {
			a.Release()
		}
	}()
	for i, c := range r.sources {
		a, err := c.read(n, r.schema.Field(i).Type, r.mem)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", r.schema.Field(i).Name, err)
		}
		arrays = append(arrays, a)
	}
	r.left -= n
	return array.NewRecord(r.schema, arrays, n), nil
}

// Close ends the reading; it may be called more than once.
func (r *Reader) Close() {
	if r.err == nil {
		r.err = errors.New("arrowfile: reader is closed")
	}
	r.closeBatch()
}

func (r *Reader) closeBatch() {
	for _, c := range r.sources {
		c.close()
	}
	r.sources, r.left = nil, 0
}

func (r *Reader) openBatch(where block) error {
	meta, err := r.f.read(where.meta, where.metaLen)
	if err != nil {
		return err
	}
	m, err := parseMessage(meta)
	if err != nil {
		return err
	}
	b, err := parseBatch(m)
	if err != nil {
		return err
	}
	// The nodes and buffers of all columns lie in one row; starts says where
	// those of each column begin.
	starts, err := b.starts(r.f.schema)
	if err != nil {
		return err
	}
	body := io.NewSectionReader(r.f.src, where.body, where.bodyLen)
	for i, c := range r.columns {
		col, err := columnOf(r.schema.Field(i).Type)
		if err != nil {
			return err
		}
		r.sources = append(r.sources, col)
		if err := col.open(&b, starts[c], body, where.bodyLen); err != nil {
			return fmt.Errorf("column %q: %w", r.schema.Field(i).Name, err)
		}
	}
	r.left = b.rows
	return nil
}
