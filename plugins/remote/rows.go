package remote

import (
	"context"
	"errors"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// Rows: schema and count are told once; read gives the batches.

// offerRows sends rows to the other side.
func (p *peer) offerRows(rows pipeline.Rows) (*pluginpb.Rows, string, error) {
	schema, err := wire.SchemaToProto(rows.Schema())
	if err != nil {
		return nil, "", schemas.Errorf(schemas.ColumnType, "%w", err)
	}
	target := p.offer("rows", func(_ context.Context, method string, _ wire.Message) (wire.Message, error) {
		if method != "read" {
			return wire.Message{}, noMethod("table", method)
		}
		return wire.Message{Rows: func(ctx context.Context) (wire.Rows, error) { return rows.Open(ctx) }}, nil
	})
	return &pluginpb.Rows{Target: target, Schema: schema, Count: rows.Count()}, target, nil
}

// rows makes a stand-in for rows of the other side. ended, which may be nil, is
// called when a reading has come to its end.
func (p *peer) rows(r *pluginpb.Rows, ended func(context.Context) error) (pipeline.Rows, error) {
	schema, err := wire.SchemaOf(r.GetSchema())
	if err != nil {
		return nil, err
	}
	return &remoteRows{remote{p, r.GetTarget()}, schema, max(r.GetCount(), -1), ended}, nil
}

// remoteRows are pipeline.Rows of the other side.
type remoteRows struct {
	remote
	schema *arrow.Schema
	count  int64
	ended  func(context.Context) error
}

// Schema implements pipeline.Rows.
func (r *remoteRows) Schema() *arrow.Schema { return r.schema }

// Count implements pipeline.Rows.
func (r *remoteRows) Count() int64 { return r.count }

// Open implements pipeline.Rows.
func (r *remoteRows) Open(ctx context.Context) (pipeline.Stream, error) {
	s, err := r.session.Read(ctx, r.target, "read", wire.Message{})
	if err != nil {
		return nil, err
	}
	return &remoteStream{rows: r, in: s}, nil
}

// remoteStream is one reading.
type remoteStream struct {
	rows *remoteRows
	in   wire.Rows
	n    int64
	err  error
}

// Next implements pipeline.Stream.
func (s *remoteStream) Next(ctx context.Context) (arrow.Record, error) {
	if s.err != nil {
		return nil, s.err
	}
	rec, err := s.next(ctx)
	if err != nil && err != io.EOF {
		err = interrupted(err)
	}
	s.err = err
	return rec, err
}

func (s *remoteStream) next(ctx context.Context) (arrow.Record, error) {
	r := s.rows
	rec, err := s.in.Next(ctx)
	if err == io.EOF {
		if r.count >= 0 && s.n != r.count {
			return nil, r.broke(schemas.Errorf(schemas.PluginProtocol, "a table of %d rows ended after %d", r.count, s.n))
		}
		if r.ended != nil {
			if err := r.ended(ctx); err != nil {
				return nil, err
			}
		}
		return nil, io.EOF
	}
	if err != nil {
		return nil, err
	}
	if rec.NumRows() == 0 {
		return nil, r.broke(errors.New("a batch of a table is empty"))
	}
	s.n += rec.NumRows()
	if r.count >= 0 && s.n > r.count {
		return nil, r.broke(schemas.Errorf(schemas.PluginProtocol, "a table of %d rows has more", r.count))
	}
	// The batch gets the schema that was agreed, with all that it says.
	if !sameColumns(rec.Schema(), r.schema) {
		return nil, r.broke(schemas.Errorf(schemas.PluginProtocol, "a batch has the columns %s where %s are due", rec.Schema(), r.schema))
	}
	defer rec.Release()
	return array.NewRecord(r.schema, rec.Columns(), rec.NumRows()), nil
}

func sameColumns(a, b *arrow.Schema) bool {
	if a.NumFields() != b.NumFields() {
		return false
	}
	for i := range a.NumFields() {
		if a.Field(i).Name != b.Field(i).Name || !arrow.TypeEqual(a.Field(i).Type, b.Field(i).Type) {
			return false
		}
	}
	return true
}

// Close implements pipeline.Stream.
func (s *remoteStream) Close() error {
	if s.err == nil {
		s.err = errors.New("remote: stream is closed")
	}
	return s.in.Close()
}
