package wire

import (
	"errors"
	"io"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// take handles one frame. It never waits.
func (s *Session) take(f *pluginpb.Frame) error {
	if err := s.shared.given(f.Released); err != nil {
		return err
	}
	for _, p := range f.Schemas {
		if len(s.received) == maxSchemas || p.GetId() != uint32(len(s.received)+1) {
			return broken("schema %d comes after %d schemas", p.GetId(), len(s.received))
		}
		schema, err := SchemaFromProto(p)
		if err != nil {
			return broken("%w", err)
		}
		s.received = append(s.received, schema)
	}
	ours := f.Seq%2 == 1 == s.o.Host
	switch b := f.Body.(type) {
	case *pluginpb.Frame_Call:
		return s.serve(f.Seq, ours, b.Call)
	case *pluginpb.Frame_Result:
		return s.answered(f, ours, b.Result)
	case *pluginpb.Frame_Fault:
		if e := s.find(f.Seq, ours); e != nil && e.headed {
			// The rows of a result end with an error.
			s.drop(f.Seq, ours)
			e.items.end(ErrorOf(b.Fault.GetDiagnostics()))
			return nil
		}
		return s.answered(f, ours, nil)
	case *pluginpb.Frame_Item:
		e := s.find(f.Seq, ours)
		if e == nil {
			return s.stray(f.Seq, ours)
		}
		rec, err := s.decode(b.Item.GetBatch())
		if err != nil {
			return err
		}
		if b.Item.GetIndex() >= maxParts {
			rec.Release()
			return broken("an item belongs to batch %d", b.Item.GetIndex())
		}
		return e.items.put(item{rec, int(b.Item.GetIndex()), batchBytes(b.Item.GetBatch())})
	case *pluginpb.Frame_End:
		e := s.find(f.Seq, ours)
		if e == nil {
			return s.stray(f.Seq, ours)
		}
		if ours {
			if !e.headed {
				return broken("a stream ends before its result")
			}
			s.drop(f.Seq, ours)
		}
		return e.items.finish(b.End.GetBatches(), b.End.GetRows())
	case *pluginpb.Frame_Cancel:
		if f.Seq == 0 {
			if s.o.Stop != nil {
				s.o.Stop()
			}
		} else if e := s.find(f.Seq, ours); e != nil && !ours {
			e.cancel()
		}
	case *pluginpb.Frame_Credit:
		if e := s.find(f.Seq, ours); e != nil {
			e.credit.add(int64(min(b.Credit.GetBytes(), 1<<40)))
		}
	case *pluginpb.Frame_Progress:
		if s.o.Progress != nil && len(b.Progress.GetEvent()) > 0 {
			s.o.Progress(b.Progress.GetEvent())
		}
	case *pluginpb.Frame_Close:
		if s.o.Close != nil {
			s.o.Close()
		}
		if !s.o.Host {
			return io.EOF // the instance has ended, whether or not its host ends the stream
		}
	case nil:
		if len(f.Released) == 0 {
			return broken("a frame of seq %d has no body that is known here", f.Seq)
		}
	default:
		return broken("a frame of seq %d has no body that is known here", f.Seq)
	}
	return nil
}

func (s *Session) find(seq uint64, ours bool) *exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ours {
		return s.calls[seq]
	}
	return s.serving[seq]
}

func (s *Session) drop(seq uint64, ours bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ours {
		delete(s.calls, seq)
	} else {
		delete(s.serving, seq)
	}
}

// stray judges a frame of a call that is not there: their own calls may have
// ended while it was on its way, ours not.
func (s *Session) stray(seq uint64, ours bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ours && seq <= s.last {
		return nil
	}
	return broken("a frame belongs to call %d, which does not exist", seq)
}

// answered takes the head of an answer to one of our calls: a result, or a
// fault when r is nil.
func (s *Session) answered(f *pluginpb.Frame, ours bool, r *pluginpb.Result) error {
	e := s.find(f.Seq, true)
	if !ours || e == nil || e.headed {
		return broken("an answer belongs to call %d, which does not wait for one", f.Seq)
	}
	batches, err := s.decodeAll(r.GetBatches())
	if err != nil {
		return err
	}
	e.headed = true
	if !r.GetMore() {
		s.drop(f.Seq, true)
	}
	if e.items.abandoned() { // whoever called waits for the end alone
		Message{Batches: batches}.Release()
		batches = nil
	}
	e.batches = batches
	e.head <- f
	return nil
}

func (s *Session) decode(b *pluginpb.Batch) (arrow.Record, error) {
	id := int(b.GetSchema())
	if id < 1 || id > len(s.received) {
		return nil, broken("a batch has schema %d of %d", id, len(s.received))
	}
	if b.Block != nil {
		if len(b.Payload) > 0 {
			return nil, broken("a batch is in its frame and in shared memory")
		}
		payload, k, err := s.shared.find(b.Block)
		if err != nil {
			return nil, err
		}
		k.session = s
		rec, err := decode(s.received[id-1], payload, k)
		if err != nil {
			k.end()
			return nil, broken("%w", err)
		}
		k.Free(nil)
		return rec, nil
	}
	rec, err := Decode(s.received[id-1], b.GetPayload())
	if err != nil {
		return nil, broken("%w", err)
	}
	return rec, nil
}

func (s *Session) decodeAll(batches []*pluginpb.Batch) ([]arrow.Record, error) {
	if len(batches) > maxParts {
		return nil, broken("a message has %d batches", len(batches))
	}
	var out []arrow.Record
	for _, b := range batches {
		rec, err := s.decode(b)
		if err != nil {
			Message{Batches: out}.Release()
			return nil, err
		}
		out = append(out, rec)
	}
	return out, nil
}

var errGone = errors.New("wire: nobody reads these items")

// SchemaOf reads a schema of the other side; the error says that the protocol
// is broken.
func SchemaOf(p *pluginpb.Schema) (*arrow.Schema, error) {
	schema, err := SchemaFromProto(p)
	if err != nil {
		return nil, broken("%w", err)
	}
	return schema, nil
}
