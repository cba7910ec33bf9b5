package writer

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/schemas"
)

// csvEncoder writes a header line and one line per row (RFC 4180). Vector
// columns become one column per element, name_0, name_1 and so on; numbers
// have the fewest digits that tell them apart; nulls are empty.
type csvEncoder struct {
	w    *csv.Writer
	line []string
}

func newCSV(w io.Writer, schema *arrow.Schema, _ memory.Allocator) (encoder, error) {
	e := &csvEncoder{w: csv.NewWriter(w)}
	for _, f := range schema.Fields() {
		if list, ok := f.Type.(*arrow.FixedSizeListType); ok {
			for i := range int(list.Len()) {
				e.line = append(e.line, fmt.Sprintf("%s_%d", f.Name, i))
			}
			continue
		}
		if _, ok := f.Type.(arrow.NestedType); ok {
			return nil, schemas.Errorf(schemas.ColumnType, "CSV cannot hold column %q of type %s", f.Name, f.Type).Suggest("write to a .parquet or .arrow file")
		}
		e.line = append(e.line, f.Name)
	}
	return e, e.w.Write(e.line)
}

func (e *csvEncoder) write(rec arrow.Record) error {
	for i := range int(rec.NumRows()) {
		e.line = e.line[:0]
		for _, arr := range rec.Columns() {
			list, ok := arr.(*array.FixedSizeList)
			if !ok {
				e.line = append(e.line, text(arr, i))
				continue
			}
			n := int(list.DataType().(*arrow.FixedSizeListType).Len())
			for j := range n {
				if list.IsNull(i) {
					e.line = append(e.line, "")
				} else {
					e.line = append(e.line, text(list.ListValues(), (list.Offset()+i)*n+j))
				}
			}
		}
		if err := e.w.Write(e.line); err != nil {
			return err
		}
	}
	return nil
}

func (e *csvEncoder) close() error {
	e.w.Flush()
	return e.w.Error()
}

func text(arr arrow.Array, i int) string {
	if arr.IsNull(i) {
		return ""
	}
	switch a := arr.(type) {
	case *array.Float32:
		return strconv.FormatFloat(float64(a.Value(i)), 'g', -1, 32)
	case *array.Float64:
		return strconv.FormatFloat(a.Value(i), 'g', -1, 64)
	}
	return arr.ValueStr(i)
}
