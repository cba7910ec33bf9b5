package plugins

import (
	"context"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/pathline/pathline/pipeline"
)

// renamed are rows whose columns have other names.
type renamed struct {
	pipeline.Rows
	names []string
}

func (r renamed) Schema() *arrow.Schema {
	fields := r.Rows.Schema().Fields()
	for i := range fields {
		fields[i].Name = r.names[i]
	}
	return arrow.NewSchema(fields, nil)
}

func (r renamed) Open(ctx context.Context) (pipeline.Stream, error) {
	s, err := r.Rows.Open(ctx)
	return renamedStream{s, r.Schema()}, err
}

type renamedStream struct {
	pipeline.Stream
	schema *arrow.Schema
}

func (s renamedStream) Next(ctx context.Context) (arrow.Record, error) {
	rec, err := s.Stream.Next(ctx)
	if err != nil {
		return nil, err
	}
	defer rec.Release()
	return array.NewRecord(s.schema, rec.Columns(), rec.NumRows()), nil
}
