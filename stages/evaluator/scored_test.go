package evaluator

import (
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// schemaRows have a schema and no content.
type schemaRows struct {
	pipeline.Rows
	schema *arrow.Schema
}

func (r schemaRows) Schema() *arrow.Schema { return r.schema }

// The density that a sampler gives its rows is not compared with data.
func TestDensitiesOfSamples(t *testing.T) {
	with := func(names ...string) pipeline.Input {
		var fields []arrow.Field
		for _, n := range names {
			fields = append(fields, arrow.Field{Name: n, Type: arrow.PrimitiveTypes.Float64})
		}
		return pipeline.Input{Rows: schemaRows{schema: arrow.NewSchema(fields, nil)}}
	}
	got, err := columns(pipeline.Inputs{"data": with("a", "b"), "sample": with("a", "b", schemas.ColumnLogProb, schemas.ColumnLogProbSE)})
	if err != nil || len(got) != 2 {
		t.Errorf("columns %v, %v", got, err)
	}
	if _, err := columns(pipeline.Inputs{"data": with("a"), "sample": with("a", "b")}); err == nil {
		t.Error("a column that the data has not was taken")
	}
}
