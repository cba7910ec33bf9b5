package writer_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/writer"
)

// Rows go to a file and come back.
func Example() {
	points := schemas.VectorArray([]float32{0, 1, 2, 3}, 2)
	schema := arrow.NewSchema([]arrow.Field{{Name: "x", Type: points.DataType(), Nullable: true}}, nil)
	rows := &batches{schema, []arrow.Record{array.NewRecord(schema, []arrow.Array{points}, 2)}}

	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	name, _ := writer.ForEnding(".parquet")
	w, _ := writer.New(name, nil)
	path := filepath.Join(dir, "points.parquet")
	count, err := w.Write(ctx, path, rows)
	if err != nil {
		panic(err)
	}
	back, err := w.Open(ctx, path)
	if err != nil {
		panic(err)
	}
	fmt.Println(count, back.Count(), back.Schema().Field(0).Type)
	// Output: 2 2 fixed_size_list<item: float32, nullable>[2]
}
