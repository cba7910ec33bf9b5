package wire

import (
	"context"
	"time"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// Call asks the other side. Batches of the answer share memory with what was
// received: the caller copies what it keeps, then releases the answer.
func (s *Session) Call(ctx context.Context, target, method string, m Message) (out Message, err error) {
	e, out, more, err := s.call(ctx, target, method, false, m)
	if err != nil {
		return out, err
	}
	defer func() { s.o.Recorder.ended(e.seq, out, err == nil) }()
	if !more {
		return out, nil
	}
	defer s.wait(ctx)()
	out.Batches, err = e.items.collect(ctx)
	if err != nil {
		s.cancelled(e)
	}
	return out, err
}

// Read asks the other side for rows. The caller closes the stream.
func (s *Session) Read(ctx context.Context, target, method string, m Message) (Rows, error) {
	e, head, more, err := s.call(ctx, target, method, true, m)
	if err != nil {
		return nil, err
	}
	head.Release()
	if !more {
		return nil, s.blame(broken("%s gave a value where rows were due", method))
	}
	return &reading{s: s, e: e}, nil
}

// blame ends the session because the other side broke the protocol.
func (s *Session) blame(err error) error {
	s.fail(err)
	return s.Err()
}

func (s *Session) call(ctx context.Context, target, method string, rows bool, m Message) (e *exchange, out Message, more bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, out, false, err
	}
	var seq uint64
	defer func() {
		if err != nil {
			s.o.Recorder.ended(seq, Message{}, false)
		}
	}()
	head := &pluginpb.Call{Target: target, Method: method, Params: m.Values, Ports: m.Ports}
	payloads, batches, whole, err := s.encodeAll(m.Batches)
	if err != nil {
		return nil, out, false, err
	}
	head.Batches, head.More = batches, !whole
	outer := ctx
	if s.o.CallTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.o.CallTimeout)
		defer cancel()
		defer func() {
			if err != nil && ctx.Err() != nil && outer.Err() == nil {
				err = s.blame(schemas.Errorf(schemas.PluginTimeout, "%s was not answered within %s", method, s.o.CallTimeout).
					Suggest("raise call_timeout when it may take so long"))
			}
		}()
	}
	defer s.wait(ctx)()
	answered := make(chan struct{})
	defer close(answered)
	// Sending waits for a side that does not read. A call that was given up does
	// not wait for ever.
	defer context.AfterFunc(ctx, func() {
		patience := 3 * cancelGrace
		if outer.Err() == nil {
			patience = cancelGrace / 10 // it is late already
		}
		t := time.NewTimer(patience)
		defer t.Stop()
		select {
		case <-answered:
		case <-t.C:
			s.fail(schemas.Errorf(schemas.PluginTimeout, "the other side does not read what it is sent"))
		}
	})()
	if e, err = s.begin(head, payloads, func(n uint64) {
		seq = n
		s.o.Recorder.called(n, target, method, rows, m)
	}); err != nil {
		return nil, out, false, err
	}
	if head.More {
		if err = s.sendPieces(ctx, e, m.Batches); err != nil {
			s.cancelled(e)
			return nil, out, false, err
		}
	}
	var answer *pluginpb.Frame
	select {
	case answer = <-e.head:
	case <-s.failed:
		select {
		case answer = <-e.head: // it came before the end
		default:
			return nil, out, false, s.Err()
		}
	case <-ctx.Done():
		if outer.Err() == nil {
			return nil, out, false, ctx.Err() // the session ends
		}
		s.cancelled(e)
		// Give the other side a moment, so that what it does for this call has
		// ended when the caller goes on.
		t := time.NewTimer(cancelGrace)
		defer t.Stop()
		select {
		case <-e.head:
			Message{Batches: e.batches}.Release()
		case <-s.failed:
		case <-t.C:
			select {
			case <-e.head: // it came meanwhile
				Message{Batches: e.batches}.Release()
			default:
			}
		}
		return nil, out, false, ctx.Err()
	}
	if fault := answer.GetFault(); fault != nil {
		return nil, out, false, ErrorOf(fault.GetDiagnostics())
	}
	r := answer.GetResult()
	return e, Message{Values: r.GetValues(), Outputs: r.GetOutputs(), Batches: e.batches}, r.GetMore(), nil
}

// begin numbers a call, tells its number and sends its head; numbers rise in the
// order of frames.
func (s *Session) begin(head *pluginpb.Call, payloads []payload, numbered func(uint64)) (*exchange, error) {
	s.sendMu.Lock()
	defer s.sendMu.Unlock()
	s.mu.Lock()
	if s.err != nil {
		defer s.mu.Unlock()
		return nil, s.err
	}
	e := newExchange(s, s.next)
	s.next += 2
	s.calls[e.seq] = e
	s.mu.Unlock()
	numbered(e.seq)
	err := s.sendLocked(&pluginpb.Frame{Seq: e.seq, Body: &pluginpb.Frame_Call{Call: head}}, payloads)
	if err != nil {
		s.drop(e.seq, true)
	}
	return e, err
}

// wait says that the other side is waited for; the result ends that.
func (s *Session) wait(ctx context.Context) func() {
	if s.waiting.Add(1) == 1 {
		s.touch()
	}
	if ctx.Value(answering{}) != s {
		return func() { s.waiting.Add(-1) }
	}
	unblock := s.block()
	return func() {
		unblock()
		s.waiting.Add(-1)
	}
}

// cancelled gives a call up. What still arrives of it is dropped.
func (s *Session) cancelled(e *exchange) {
	e.items.abandon()
	_ = s.send(&pluginpb.Frame{Seq: e.seq, Body: &pluginpb.Frame_Cancel{Cancel: &pluginpb.Cancel{}}}, nil)
}
