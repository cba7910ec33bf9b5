package wire

import (
	"context"
	"io"
	"slices"
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

// bytes is how much credit a payload takes.
func (p payload) bytes() int64 { return batchBytes(p.batch) }

func batchBytes(b *pluginpb.Batch) int64 {
	if b.GetBlock() != nil {
		return int64(b.GetBlock().GetLength())
	}
	return int64(len(b.GetPayload()))
}

// encode writes a record into shared memory when it is large and there is room,
// else into the frame.
func (s *Session) encode(rec arrow.Record) (payload, error) {
	p, err := partsOf(rec)
	if err != nil {
		return payload{}, err
	}
	n := p.total()
	if s.shared != nil && n > s.shared.inline {
		if b, to, done, ok := s.shared.take(n); ok {
			p.write(to, rec.NumRows())
			done()
			return payload{&pluginpb.Batch{Block: &pluginpb.Block{Offset: uint64(b.Offset), Length: uint64(b.Length), Generation: b.Generation}}, rec.Schema()}, nil
		}
	}
	out := make([]byte, n)
	p.write(out, rec.NumRows())
	return payload{&pluginpb.Batch{Payload: out}, rec.Schema()}, nil
}

// encodeAll encodes batches that travel in one frame; ok is false when they do
// not fit.
func (s *Session) encodeAll(recs []arrow.Record) (payloads []payload, batches []*pluginpb.Batch, ok bool, err error) {
	if !s.fits(recs) {
		return nil, nil, false, nil
	}
	inline := 0
	for _, rec := range recs {
		p, err := s.encode(rec)
		if err == nil && p.batch.Block == nil {
			inline += len(p.batch.Payload)
		}
		if err == nil || p.batch != nil {
			payloads, batches = append(payloads, p), append(batches, p.batch)
		}
		if err != nil || inline > pieceBytes {
			// Blocks that were not sent are free.
			for _, p := range payloads {
				if p.batch.Block != nil {
					s.shared.blocks.Give(p.batch.Block.Generation)
				}
			}
			return nil, nil, false, err
		}
	}
	return payloads, batches, true, nil
}

// fits says whether batches may travel in one frame. Where they do not without
// shared memory because of a single row, they do not with it either.
func (s *Session) fits(recs []arrow.Record) bool {
	all := 0
	for _, rec := range recs {
		all += size(rec)
	}
	if all <= pieceBytes {
		return true
	}
	if s.shared == nil || all > SegmentBytes {
		return false
	}
	return !slices.ContainsFunc(recs, hasWideRow)
}

// hasWideRow finds a row that no frame can hold.
func hasWideRow(rec arrow.Record) bool {
	n := rec.NumRows()
	if size(rec) <= FrameBytes || n == 0 {
		return false
	}
	if n == 1 {
		return true
	}
	a, b := rec.NewSlice(0, n/2), rec.NewSlice(n/2, n)
	defer a.Release()
	defer b.Release()
	return hasWideRow(a) || hasWideRow(b)
}

// send sends a frame that carries the payloads.
func (s *Session) send(f *pluginpb.Frame, payloads []payload) error {
	defer s.block()()
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
	f.Released = s.shared.pending()
	if f.Body == nil && len(f.Released) == 0 {
		return nil // another frame has told it
	}
	if err := s.stream.Send(f); err != nil {
		// Recv knows more about why; fail is a no-op when it came first.
		select {
		case <-s.failed:
		case <-time.After(5 * cancelGrace): // as long as finding out may take
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

// sendParts sends a head with its batches, in one frame or in pieces.
func (s *Session) sendParts(ctx context.Context, e *exchange, f *pluginpb.Frame, recs []arrow.Record, set func([]*pluginpb.Batch, bool)) error {
	payloads, batches, ok, err := s.encodeAll(recs)
	if err != nil {
		return err
	}
	if ok {
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
	p, err := s.encode(rec)
	if err != nil {
		return err
	}
	if err := e.credit.take(ctx, s, p.bytes()); err != nil {
		if p.batch.Block != nil {
			s.shared.blocks.Give(p.batch.Block.Generation)
		}
		return err
	}
	end.Batches++
	end.Rows += uint64(rec.NumRows())
	return s.send(&pluginpb.Frame{Seq: e.seq, Body: &pluginpb.Frame_Item{Item: &pluginpb.Item{Index: uint32(index), Batch: p.batch}}}, []payload{p})
}
