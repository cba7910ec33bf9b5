package wire

import (
	"context"
	"io"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"google.golang.org/protobuf/proto"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// payload is an encoded batch whose schema has no number yet.
type payload struct {
	batch  *pluginpb.Batch
	schema *arrow.Schema
}

func encode(rec arrow.Record) (payload, error) {
	b, err := Encode(rec)
	return payload{&pluginpb.Batch{Payload: b}, rec.Schema()}, err
}

func encodeAll(recs []arrow.Record) ([]payload, []*pluginpb.Batch, error) {
	payloads, batches := make([]payload, len(recs)), make([]*pluginpb.Batch, len(recs))
	for i, rec := range recs {
		var err error
		if payloads[i], err = encode(rec); err != nil {
			return nil, nil, err
		}
		batches[i] = payloads[i].batch
	}
	return payloads, batches, nil
}

// send sends a frame that carries the payloads.
func (s *Session) send(f *pluginpb.Frame, payloads []payload) error {
	s.sendMu.Lock()
	defer s.sendMu.Unlock()
	return s.sendLocked(f, payloads)
}

func (s *Session) sendLocked(f *pluginpb.Frame, payloads []payload) error {
	select {
	case <-s.failed:
		return s.Err()
	default:
	}
	for _, p := range payloads {
		if err := s.number(f, p); err != nil {
			return err
		}
	}
	if err := s.stream.Send(f); err != nil {
		// Recv knows more about why; fail is a no-op when it came first.
		select {
		case <-s.failed:
		case <-time.After(cancelGrace):
			s.fail(broken("a frame could not be sent: %w", err))
		}
		return s.Err()
	}
	return nil
}

// number gives the schema of a payload its number, announcing it when it is new.
func (s *Session) number(f *pluginpb.Frame, p payload) error {
	ps, err := SchemaToProto(p.schema)
	if err != nil {
		return schemas.Errorf(schemas.ColumnType, "%w", err)
	}
	key, err := proto.MarshalOptions{Deterministic: true}.Marshal(ps)
	if err != nil {
		return err
	}
	id, ok := s.sent[string(key)]
	if !ok {
		if len(s.sent) == maxSchemas {
			return broken("a session uses more than %d schemas", maxSchemas)
		}
		id = uint32(len(s.sent) + 1)
		s.sent[string(key)] = id
		ps.Id = id
		f.Schemas = append(f.Schemas, ps)
	}
	p.batch.Schema = id
	return nil
}

// size is the length of a batch's body.
func size(rec arrow.Record) int {
	var p parts
	for _, c := range rec.Columns() {
		if p.add(c.Data()) != nil {
			return 0 // Encode says why
		}
	}
	return p.body
}

func tooLarge(recs []arrow.Record) bool {
	n := 0
	for _, rec := range recs {
		n += size(rec)
	}
	return n > pieceBytes
}

// sendParts sends a head with its batches, in one frame or in pieces.
func (s *Session) sendParts(ctx context.Context, e *exchange, f *pluginpb.Frame, recs []arrow.Record, set func([]*pluginpb.Batch, bool)) error {
	if !tooLarge(recs) {
		payloads, batches, err := encodeAll(recs)
		if err != nil {
			return err
		}
		set(batches, false)
		return s.send(f, payloads)
	}
	set(nil, true)
	if err := s.send(f, nil); err != nil {
		return err
	}
	return s.sendPieces(ctx, e, recs)
}

// sendPieces sends values in pieces, and their end.
func (s *Session) sendPieces(ctx context.Context, e *exchange, recs []arrow.Record) error {
	end := &pluginpb.End{}
	for i, rec := range recs {
		if err := s.sendItem(ctx, e, i, rec, 0, end); err != nil {
			return err
		}
	}
	return s.send(&pluginpb.Frame{Seq: e.seq, Body: &pluginpb.Frame_End{End: end}}, nil)
}

// sendRows sends a stream and counts it in end.
func (s *Session) sendRows(ctx context.Context, e *exchange, rows Rows, end *pluginpb.End) error {
	for first := int64(0); ; {
		rec, err := rows.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		n := rec.NumRows()
		err = s.sendItem(ctx, e, 0, rec, first, end)
		rec.Release()
		if err != nil {
			return err
		}
		first += n
	}
}

// sendItem sends a batch, cut by rows into pieces that fit. first is the number
// of its first row, for messages.
func (s *Session) sendItem(ctx context.Context, e *exchange, index int, rec arrow.Record, first int64, end *pluginpb.End) error {
	n := size(rec)
	if n > pieceBytes && rec.NumRows() > 1 {
		half := rec.NumRows() / 2
		a, b := rec.NewSlice(0, half), rec.NewSlice(half, rec.NumRows())
		defer a.Release()
		defer b.Release()
		if err := s.sendItem(ctx, e, index, a, first, end); err != nil {
			return err
		}
		return s.sendItem(ctx, e, index, b, first+half, end)
	}
	if n > FrameBytes {
		return tooWide(first, n)
	}
	p, err := encode(rec)
	if err != nil {
		return err
	}
	if err := e.credit.take(ctx, s, int64(len(p.batch.Payload))); err != nil {
		return err
	}
	end.Batches++
	end.Rows += uint64(rec.NumRows())
	return s.send(&pluginpb.Frame{Seq: e.seq, Body: &pluginpb.Frame_Item{Item: &pluginpb.Item{Index: uint32(index), Batch: p.batch}}}, []payload{p})
}
