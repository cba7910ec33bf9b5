package wire

import (
	"context"
	"runtime/debug"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// serve starts a call of the other side.
func (s *Session) serve(seq uint64, ours bool, c *pluginpb.Call) error {
	if ours || seq == 0 {
		return broken("a call has number %d, which is not its caller's", seq)
	}
	batches, err := s.decodeAll(c.GetBatches())
	if err != nil {
		return err
	}
	m := Message{Values: c.GetParams(), Ports: c.GetPorts(), Batches: batches}
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), answering{}, s))
	e := newExchange(s, seq)
	e.cancel = cancel
	s.mu.Lock()
	switch {
	case s.err != nil:
		s.mu.Unlock()
		m.Release()
		cancel()
		return nil
	case seq <= s.last:
		s.mu.Unlock()
		m.Release()
		cancel()
		return broken("call %d comes after call %d", seq, s.last)
	case len(s.serving) >= maxCalls:
		s.mu.Unlock()
		m.Release()
		cancel()
		return broken("more than %d calls at a time", maxCalls)
	}
	s.last, s.serving[seq] = seq, e
	s.mu.Unlock()
	s.busy.Add(1)
	s.joined.Add(1)
	go func() {
		defer s.joined.Done()
		defer func() {
			s.drop(seq, false)
			s.touch()
			s.busy.Add(-1)
			cancel()
		}()
		s.answer(ctx, e, c, m)
	}()
	return nil
}

// answering marks the context of a handler with its session: what it asks there
// the other side has to answer before it can be answered.
type answering struct{}

// answer runs the handler and sends what it gives.
func (s *Session) answer(ctx context.Context, e *exchange, c *pluginpb.Call, m Message) {
	out, err := s.handle(ctx, e, c, &m)
	defer func() { m.Release() }()
	out = s.o.Recorder.answered(c, m, out, err)
	if err == nil {
		err = s.reply(ctx, e, out)
	}
	if err != nil {
		// When sending fails the session is over, and Run says so.
		_ = s.send(&pluginpb.Frame{Seq: e.seq, Body: &pluginpb.Frame_Fault{Fault: FaultOf(err)}}, nil)
	}
}

func (s *Session) handle(ctx context.Context, e *exchange, c *pluginpb.Call, m *Message) (out Message, err error) {
	defer s.recovered(&err)
	if c.GetMore() {
		if m.Batches, err = e.items.collect(ctx); err != nil {
			return Message{}, err
		}
	}
	if s.o.Handler == nil {
		return Message{}, broken("nothing can be called here")
	}
	return s.o.Handler(ctx, c.GetTarget(), c.GetMethod(), *m)
}

// recovered turns a panic into an error.
func (s *Session) recovered(err *error) {
	if p := recover(); p != nil {
		if s.o.Panicked != nil {
			s.o.Panicked(p, debug.Stack())
		}
		*err = schemas.Errorf(schemas.Panic, "panic: %v", p)
	}
}

// reply sends a result: whole, in pieces, or followed by rows.
func (s *Session) reply(ctx context.Context, e *exchange, m Message) (err error) {
	head := &pluginpb.Result{Values: m.Values, Outputs: m.Outputs}
	f := &pluginpb.Frame{Seq: e.seq, Body: &pluginpb.Frame_Result{Result: head}}
	if m.Rows == nil {
		return s.sendParts(ctx, e, f, m.Batches, func(b []*pluginpb.Batch, more bool) { head.Batches, head.More = b, more })
	}
	defer s.recovered(&err)
	rows, err := m.Rows(ctx)
	if err != nil {
		return err
	}
	head.More = true
	end := &pluginpb.End{}
	if err = s.send(f, nil); err == nil {
		err = s.sendRows(ctx, e, rows, end)
	}
	if e := rows.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return s.send(&pluginpb.Frame{Seq: e.seq, Body: &pluginpb.Frame_End{End: end}}, nil)
}
