package writer

import (
	"errors"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/stages/loader/arrowfile"
)

// newArrow writes an IPC file, not compressed, so that other programs can map
// it into memory.
func newArrow(w io.Writer, schema *arrow.Schema, mem memory.Allocator) (encoder, error) {
	fw, err := ipc.NewFileWriter(&fromStart{w: w}, ipc.WithSchema(schema), ipc.WithAllocator(mem))
	if err != nil {
		return nil, err
	}
	return arrowEncoder{fw}, nil
}

type arrowEncoder struct{ w *ipc.FileWriter }

func (e arrowEncoder) write(rec arrow.Record) error { return e.w.Write(rec) }
func (e arrowEncoder) close() error                 { return e.w.Close() }

// fromStart is a writer that tells its place and goes nowhere else.
type fromStart struct {
	w  io.Writer
	at int64
}

func (f *fromStart) Write(b []byte) (int, error) {
	n, err := f.w.Write(b)
	f.at += int64(n)
	return n, err
}

func (f *fromStart) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, errors.New("writer: this file is written from start to end")
	}
	return f.at, nil
}

type arrowTable struct{ *arrowfile.File }

func openArrow(src io.ReaderAt, size int64) (table, error) {
	f, err := arrowfile.Open(src, size)
	return arrowTable{f}, err
}

func (t arrowTable) newReader(columns []int, rows int64, mem memory.Allocator) (reader, error) {
	return t.NewReader(columns, rows, mem)
}
