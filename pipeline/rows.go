package pipeline

import (
	"context"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
)

// Rows is a table that can be read from its start any number of times, also
// concurrently, and gives the same rows in the same order each time. While a
// pipeline is checked only Schema and Count are asked.
type Rows interface {
	// Schema is known before the first batch. Metadata keys that start with
	// "pathline." say where the columns come from; see package schemas.
	Schema() *arrow.Schema

	// Count is the number of rows, or -1 when only reading would tell.
	Count() int64

	// Open starts a reading. The caller closes the stream.
	Open(ctx context.Context) (Stream, error)
}

// Stream is one reading of Rows. It is pulled: nothing is computed that was
// not asked for, beyond a bounded read-ahead.
type Stream interface {
	// Next gives the next batch, which the caller releases, or io.EOF. Batches
	// are never empty. After an error every further call gives that error.
	Next(ctx context.Context) (arrow.Record, error)

	// Close ends the reading and joins what it started. It may be called at
	// any time, more than once.
	Close() error
}

// RowFile is what gives rows to a file and reads them back: the service of
// kind writer.
type RowFile interface {
	// Write consumes rows into a new file at path, which lies beside the final
	// name; the framework syncs, renames and checksums.
	Write(ctx context.Context, path string, rows Rows) (count int64, err error)

	// Readable says whether Open gives back what Write wrote, bit for bit. It
	// is false for formats that lose something (CSV), which are never opened.
	Readable() bool

	// Open gives the rows of a file that Write made.
	Open(ctx context.Context, path string) (Rows, error)
}

// Each calls fn for every batch of rows and releases it.
func Each(ctx context.Context, rows Rows, fn func(arrow.Record) error) (err error) {
	s, err := rows.Open(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if e := s.Close(); err == nil {
			err = e
		}
	}()
	for {
		rec, err := s.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		err = fn(rec)
		rec.Release()
		if err != nil {
			return err
		}
	}
}
