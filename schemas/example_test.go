package schemas_test

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/schemas"
)

// Numbers become columns of the types that the data file has, and numbers
// again.
func Example() {
	columns := []schemas.Column{
		{Name: "age", Type: "uint8"},
		{Name: "position", Type: "float32", Width: 2},
	}
	arrays, err := schemas.Build(memory.NewGoAllocator(), columns, []float64{41.7, 0.5, -1, 300, 2, 3}, 2)
	if err != nil {
		panic(err)
	}
	fields, _ := schemas.Fields(columns)
	rec := array.NewRecord(arrow.NewSchema(fields, nil), arrays, 2)
	fmt.Println(rec.Column(0), rec.Column(1))

	matrix := make([]float64, 2*schemas.Dims(columns))
	if err := schemas.Numbers(matrix, rec, columns); err != nil {
		panic(err)
	}
	fmt.Println(matrix)
	// Output:
	// [42 255] [[0.5 -1] [2 3]]
	// [42 0.5 -1 255 2 3]
}
