package wire

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// item is a batch that has arrived.
type item struct {
	rec   arrow.Record
	index int
	bytes int64
}

// items are the batches of a call that have arrived and were not taken yet:
// at most the window and one frame.
type items struct {
	s   *Session
	seq uint64

	mu            sync.Mutex
	queue         []item
	held          int64
	batches, rows uint64
	over          bool
	err           error // why it is over, nil when in order
	gone          bool
	wake          chan struct{} // has room for one
}

func newItems(s *Session, seq uint64) *items {
	return &items{s: s, seq: seq, wake: make(chan struct{}, 1)}
}

func (q *items) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// put takes an arriving batch. The error breaks the session.
func (q *items) put(i item) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over && !q.gone {
		return broken("a batch comes after the end of its stream")
	}
	q.batches++
	q.rows += uint64(i.rec.NumRows())
	if q.gone {
		i.rec.Release()
		return nil
	}
	if q.held > q.s.o.Window {
		return broken("more was sent than there was credit for")
	}
	q.held += i.bytes
	q.queue = append(q.queue, i)
	q.signal()
	return nil
}

// finish takes the end. The error breaks the session.
func (q *items) finish(batches, rows uint64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.gone {
		q.over = true
		q.signal()
		return nil
	}
	if q.over {
		return broken("a stream ends twice")
	}
	if batches != q.batches || rows != q.rows {
		return broken("a stream of %d batches and %d rows says that it had %d and %d", q.batches, q.rows, batches, rows)
	}
	q.over = true
	q.signal()
	return nil
}

// end finishes with an error that the other side reported.
func (q *items) end(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.over, q.err = true, err
	q.signal()
}

// abandon drops what is here and what will come.
func (q *items) abandon() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, i := range q.queue {
		i.rec.Release()
	}
	q.gone, q.queue, q.held = true, nil, 0
}

// abandoned says whether nobody waits for what comes.
func (q *items) abandoned() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.gone
}

// next gives the next batch, or io.EOF.
func (q *items) next(ctx context.Context) (item, error) {
	for {
		q.mu.Lock()
		if len(q.queue) > 0 {
			i := q.queue[0]
			q.queue[0] = item{}
			q.queue = q.queue[1:]
			q.held -= i.bytes
			over := q.over
			q.mu.Unlock()
			if over {
				return i, nil
			}
			return i, q.s.send(&pluginpb.Frame{Seq: q.seq, Body: &pluginpb.Frame_Credit{Credit: &pluginpb.Credit{Bytes: uint64(i.bytes)}}}, nil)
		}
		over, err := q.over, q.err
		q.mu.Unlock()
		if over {
			if err == nil {
				err = io.EOF
			}
			return item{}, err
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
			return item{}, ctx.Err()
		case <-q.s.failed:
			// What arrived before the end still counts.
			q.mu.Lock()
			ready := len(q.queue) > 0 || q.over
			q.mu.Unlock()
			if !ready {
				return item{}, q.s.Err()
			}
		}
	}
}

// collect puts the pieces of values together again.
func (q *items) collect(ctx context.Context) ([]arrow.Record, error) {
	pieces := [maxParts][]arrow.Record{}
	defer func() {
		for _, p := range pieces {
			Message{Batches: p}.Release()
		}
	}()
	var n int
	var bytes int64
	for {
		i, err := q.next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if bytes += i.bytes; bytes > maxValueBytes {
			return nil, q.s.blame(broken("a value is larger than %d bytes", int64(maxValueBytes)))
		}
		pieces[i.index] = append(pieces[i.index], i.rec)
		n = max(n, i.index+1)
	}
	out := make([]arrow.Record, n)
	for i := range out {
		var err error
		if out[i], err = join(pieces[i]); err != nil {
			return nil, q.s.blame(broken("%w", err))
		}
	}
	return out, nil
}

// join concatenates batches of one schema.
func join(pieces []arrow.Record) (arrow.Record, error) {
	if len(pieces) == 0 {
		return nil, fmt.Errorf("wire: a value is missing")
	}
	if len(pieces) == 1 {
		pieces[0].Retain()
		return pieces[0], nil
	}
	schema := pieces[0].Schema()
	var rows int64
	columns := make([]arrow.Array, schema.NumFields())
	for _, p := range pieces {
		if !p.Schema().Equal(schema) {
			return nil, fmt.Errorf("wire: the pieces of a value differ in schema")
		}
		rows += p.NumRows()
	}
	for c := range columns {
		parts := make([]arrow.Array, len(pieces))
		for i, p := range pieces {
			parts[i] = p.Column(c)
		}
		var err error
		if columns[c], err = array.Concatenate(parts, memory.DefaultAllocator); err != nil {
			return nil, err
		}
	}
	return array.NewRecord(schema, columns, rows), nil
}
