package wire

import (
	"context"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// exchange is one call that is under way, on the side of its caller or of its
// answerer.
type exchange struct {
	seq    uint64
	items  *items
	credit *credit

	// Of a call of ours: the head of the answer, its batches, and whether it has
	// come. headed is touched by Run alone.
	head    chan *pluginpb.Frame
	batches []arrow.Record
	headed  bool

	cancel context.CancelFunc // of a call of theirs
}

func newExchange(s *Session, seq uint64) *exchange {
	return &exchange{seq: seq, items: newItems(s, seq), credit: newCredit(s), head: make(chan *pluginpb.Frame, 1)}
}

// credit counts the bytes that may still be sent.
type credit struct {
	mu   sync.Mutex
	left int64
	wake chan struct{}
}

func newCredit(s *Session) *credit {
	return &credit{left: s.o.Window, wake: make(chan struct{}, 1)}
}

func (c *credit) add(n int64) {
	c.mu.Lock()
	c.left += n
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// take waits until something may be sent, and counts n bytes.
func (c *credit) take(ctx context.Context, s *Session, n int64) error {
	for {
		c.mu.Lock()
		if c.left > 0 {
			c.left -= n
			c.mu.Unlock()
			return nil
		}
		c.mu.Unlock()
		unblock := s.block()
		select {
		case <-c.wake:
			unblock()
		case <-ctx.Done():
			unblock()
			return ctx.Err()
		case <-s.failed:
			unblock()
			return s.Err()
		}
	}
}
