package writer

import (
	"bufio"
	"context"
	"io"
	"os"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// encoder writes groups of rows. Groups are fresh arrays, never slices.
type encoder interface {
	write(rec arrow.Record) error
	close() error
}

// format is one kind of file.
type format struct {
	name    string
	endings []string
	group   int64 // rows written at a time, at most
	encoder func(w io.Writer, schema *arrow.Schema, mem memory.Allocator) (encoder, error)
	open    func(src io.ReaderAt, size int64) (table, error) // nil: cannot be read back
}

var formats = []format{
	{"parquet", []string{".parquet"}, 128 << 10, newParquet, openParquet},
	{"arrow", []string{".arrow", ".feather", ".ipc"}, 64 << 10, newArrow, openArrow},
	{"csv", []string{".csv"}, 64 << 10, newCSV, nil},
}

// groupBytes bounds a group of rows; the number of rows of a group depends on
// the schema alone.
const groupBytes = 32 << 20

// ForEnding names the writer for files with an ending such as ".parquet".
func ForEnding(ending string) (name string, ok bool) {
	for _, f := range formats {
		for _, e := range f.endings {
			if e == ending {
				return f.name, true
			}
		}
	}
	return "", false
}

// New makes the writer of a name. mem may be nil.
func New(name string, mem memory.Allocator) (pipeline.RowFile, bool) {
	if mem == nil {
		mem = memory.NewGoAllocator()
	}
	for i := range formats {
		if formats[i].name == name {
			return &rowFile{&formats[i], mem}, true
		}
	}
	return nil, false
}

// rowFile is the service of one format.
type rowFile struct {
	format *format
	mem    memory.Allocator
}

// Write writes rows to a new file at path. After an error no file is left.
func (f *rowFile) Write(ctx context.Context, path string, rows pipeline.Rows) (count int64, err error) {
	narrow := leaveOut(rows)
	if len(narrow.columns) == 0 {
		return f.encode(ctx, path, rows)
	}
	// First without the columns: CSV is not read back, so its rows wait in an
	// Arrow file.
	aside, first := path+".narrow", f
	if f.format.open == nil {
		first = &rowFile{&formats[1], f.mem}
	}
	defer os.Remove(aside)
	if count, err = first.encode(ctx, aside, narrow); err != nil {
		return 0, err
	}
	if first == f && !narrow.deviates() {
		if err := os.Rename(aside, path); err != nil {
			return 0, pipeline.FileError(err)
		}
		return count, nil
	}
	back, err := first.Open(ctx, aside)
	if err != nil {
		return 0, err
	}
	return f.encode(ctx, path, &wide{Rows: back, from: narrow, mem: f.mem})
}

// encode writes rows as they are.
func (f *rowFile) encode(ctx context.Context, path string, rows pipeline.Rows) (count int64, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return 0, pipeline.FileError(err)
	}
	defer func() {
		if e := file.Close(); err == nil && e != nil {
			err = pipeline.FileError(e)
		}
		if err != nil {
			os.Remove(path)
			count = 0
		}
	}()
	schema := rows.Schema()
	w := bufio.NewWriterSize(file, 1<<20)
	enc, err := f.format.encoder(w, schema, f.mem)
	if err != nil {
		return 0, err
	}
	g := grouper{schema: schema, rows: min(f.format.group, max(1, groupBytes/rowBytes(schema))), mem: f.mem, write: enc.write}
	defer g.release()
	err = pipeline.Each(ctx, rows, func(rec arrow.Record) error {
		count += rec.NumRows()
		return g.add(rec)
	})
	if err == nil {
		err = g.flush()
	}
	if e := enc.close(); err == nil {
		err = e
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return 0, fileError(err)
	}
	return count, nil
}

// fileError keeps reasons that errors have and gives one to errors of the
// file system.
func fileError(err error) error {
	for _, e := range schemas.Errors(err, "") {
		if e.Reason != "" || err == context.Canceled || err == context.DeadlineExceeded {
			return err
		}
	}
	return pipeline.FileError(err)
}

// without is metadata less one key.
func without(m arrow.Metadata, key string) arrow.Metadata {
	var keys, values []string
	for i, k := range m.Keys() {
		if k != key {
			keys, values = append(keys, k), append(values, m.Values()[i])
		}
	}
	return arrow.NewMetadata(keys, values)
}

// rowBytes estimates the bytes of a row from the schema alone.
func rowBytes(s *arrow.Schema) int64 {
	n := int64(1)
	for _, f := range s.Fields() {
		t, width := f.Type, int64(1)
		if list, ok := t.(*arrow.FixedSizeListType); ok {
			t, width = list.Elem(), int64(list.Len())
		}
		if fixed, ok := t.(arrow.FixedWidthDataType); ok {
			n += (int64(fixed.BitWidth()) + 7) / 8 * width
		} else {
			n += 16
		}
	}
	return n
}

// grouper cuts a stream of batches into groups of a fixed number of rows.
type grouper struct {
	schema *arrow.Schema
	rows   int64
	mem    memory.Allocator
	write  func(arrow.Record) error
	held   []arrow.Record
	have   int64
}

func (g *grouper) add(rec arrow.Record) error {
	if rec.Schema().NumFields() != g.schema.NumFields() {
		return schemas.Errorf(schemas.StageFailed, "a batch has %d columns where its schema promised %d", rec.Schema().NumFields(), g.schema.NumFields())
	}
	for i, f := range g.schema.Fields() {
		if t := rec.Column(i).DataType(); !arrow.TypeEqual(t, f.Type) {
			return schemas.Errorf(schemas.StageFailed, "column %q has type %s in a batch where its schema promised %s", f.Name, t, f.Type)
		}
	}
	for at := int64(0); at < rec.NumRows(); {
		n := min(g.rows-g.have, rec.NumRows()-at)
		g.held = append(g.held, rec.NewSlice(at, at+n))
		g.have += n
		at += n
		if g.have == g.rows {
			if err := g.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush writes what is held as one group of fresh arrays: Arrow's encoders
// are not to be trusted with slices.
func (g *grouper) flush() error {
	if g.have == 0 {
		return nil
	}
	arrays := make([]arrow.Array, g.schema.NumFields())
	defer func() {
		for _, a := range arrays {
			if a != nil {
				a.Release()
			}
		}
	}()
	for i := range arrays {
		parts := make([]arrow.Array, len(g.held))
		for j, rec := range g.held {
			parts[j] = rec.Column(i)
		}
		var err error
		if arrays[i], err = array.Concatenate(parts, g.mem); err != nil {
			return err
		}
	}
	rec := array.NewRecord(g.schema, arrays, g.have)
	defer rec.Release()
	g.release()
	return g.write(rec)
}

func (g *grouper) release() {
	for _, rec := range g.held {
		rec.Release()
	}
	g.held, g.have = nil, 0
}
