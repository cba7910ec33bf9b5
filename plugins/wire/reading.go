package wire

import (
	"context"
	"io"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/schemas"
)

// reading is a stream of rows of the other side.
type reading struct {
	s   *Session
	e   *exchange
	err error
}

// Next implements Rows.
func (r *reading) Next(ctx context.Context) (arrow.Record, error) {
	if r.err != nil {
		return nil, r.err
	}
	defer r.s.wait(ctx)()
	i, err := r.e.items.next(ctx)
	if err != nil {
		if r.err = err; err != io.EOF {
			r.s.cancelled(r.e)
		}
		r.s.o.Recorder.ended(r.e.seq, Message{}, false)
		return nil, err
	}
	return i.rec, nil
}

// Close implements Rows.
func (r *reading) Close() error {
	if r.err != nil {
		return nil
	}
	r.err = errGone
	defer r.s.o.Recorder.ended(r.e.seq, Message{}, false)
	r.s.cancelled(r.e)
	// The other side answers a cancelled call; wait for it, so that what it does
	// for this stream has ended.
	t := time.NewTimer(cancelGrace)
	defer t.Stop()
	for {
		r.e.items.mu.Lock()
		over := r.e.items.over
		r.e.items.mu.Unlock()
		if over {
			return nil
		}
		select {
		case <-r.e.items.wake:
		case <-r.s.failed:
			return nil
		case <-t.C:
			return nil
		}
	}
}

// tooWide is a row that no frame can hold.
func tooWide(row int64, size int) error {
	return schemas.Errorf(schemas.TooLarge, "row %d takes %d bytes, more than the %d of one frame", row, size, FrameBytes)
}
