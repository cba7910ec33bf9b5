package parquetfile

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

	next int // row group to open
	left int64
	open []*column
	err  error
}

// Readable says whether column i can be read.
func (f *File) Readable(i int) bool {
	_, err := newColumn(f.fields[i], f.schema.Field(i).Type)
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
		col, err := newColumn(f.fields[c], fields[i].Type)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", fields[i].Name, err)
		}
		for _, g := range f.groups {
			if err := errCodec(g.chunks[col.field.leaf].codec); err != nil {
				return nil, fmt.Errorf("column %q: %w", fields[i].Name, err)
			}
		}
		wide += col.rowBytes()
	}
	meta := f.schema.Metadata()
	r.schema = arrow.NewSchema(fields, &meta)
	r.window = max(1, min(rows, windowBytes/wide))
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
			rec, err = nil, errDamaged
		}
		if err != nil {
			r.err = err
			r.closeGroup()
		}
	}()
	for r.left == 0 {
		if err := r.endGroup(); err != nil {
			return nil, err
		}
		if r.next == len(r.f.groups) {
			return nil, io.EOF
		}
		g := r.f.groups[r.next]
		for i, c := range r.columns {
			col, err := newColumn(r.f.fields[c], r.schema.Field(i).Type)
			if err != nil {
				return nil, err
			}
			col.open(r.f.src, g.chunks[col.field.leaf])
			r.open = append(r.open, col)
		}
		r.left = g.rows
		r.next++
	}
	n := min(r.left, r.window)
	arrays := make([]arrow.Array, 0, len(r.open))
	defer func() {
		for _, a := range arrays {
			a.Release()
		}
	}()
	for i, c := range r.open {
		a, err := c.read(n, r.mem)
		if err != nil {
			return nil, r.where(i, err)
		}
		arrays = append(arrays, a)
	}
	r.left -= n
	return array.NewRecord(r.schema, arrays, n), nil
}

func (r *Reader) where(i int, err error) error {
	return fmt.Errorf("row group %d, column %q: %w", r.next-1, r.schema.Field(i).Name, err)
}

// endGroup checks that the rows of a row group used up its values.
func (r *Reader) endGroup() error {
	for i, c := range r.open {
		if c.left != 0 || c.chunk != 0 {
			return r.where(i, errors.New("it has more values than rows"))
		}
	}
	r.closeGroup()
	return nil
}

// Close ends the reading; it may be called more than once.
func (r *Reader) Close() {
	if r.err == nil {
		r.err = errors.New("parquetfile: reader is closed")
	}
	r.closeGroup()
}

func (r *Reader) closeGroup() {
	for _, c := range r.open {
		c.close()
	}
	r.open, r.left = nil, 0
}
