package wire

import (
	"fmt"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Number is an element of a numeric column.
type Number interface {
	float32 | float64 | int32 | int64 | uint8
}

// Column is a numeric column: width values for each row, row-major; width 0
// for a scalar column.
type Column struct {
	field arrow.Field
	data  arrow.ArrayData
	rows  int
}

// ColumnOf wraps values as a column without copying them.
func ColumnOf[T Number](name string, values []T, width int) Column {
	t := typeOf[T]()
	per := max(width, 1)
	if len(values)%per != 0 {
		panic("wire: a column is not a whole number of rows")
	}
	rows := len(values) / per
	size := int(unsafe.Sizeof(*new(T)))
	raw := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), len(values)*size)
	data := array.NewData(t, len(values), []*memory.Buffer{nil, memory.NewBufferBytes(raw)}, nil, 0, 0)
	if width == 0 {
		return Column{arrow.Field{Name: name, Type: t}, data, rows}
	}
	list := arrow.FixedSizeListOfField(int32(width), arrow.Field{Name: "item", Type: t})
	return Column{arrow.Field{Name: name, Type: list},
		array.NewData(list, rows, []*memory.Buffer{nil}, []arrow.ArrayData{data}, 0, 0), rows}
}

// Batch joins columns of equal length.
func Batch(columns ...Column) arrow.Record {
	fields := make([]arrow.Field, len(columns))
	arrays := make([]arrow.Array, len(columns))
	for i, c := range columns {
		if c.rows != columns[0].rows {
			panic("wire: columns of a batch differ in length")
		}
		fields[i], arrays[i] = c.field, array.MakeFromData(c.data)
	}
	return array.NewRecord(arrow.NewSchema(fields, nil), arrays, int64(columns[0].rows))
}

// Values gives the values of a numeric column that is laid out as ColumnOf
// does; another name, type, width or number of rows (-1: any) is an error. The
// slice shares the record's memory and is not to be written.
func Values[T Number](rec arrow.Record, name string, width, rows int) ([]T, error) {
	at := rec.Schema().FieldIndices(name)
	if len(at) != 1 {
		return nil, fmt.Errorf("wire: a batch has %d columns %q, not one", len(at), name)
	}
	if rows >= 0 && rec.NumRows() != int64(rows) {
		return nil, fmt.Errorf("wire: a batch has %d rows, not %d", rec.NumRows(), rows)
	}
	n := int(rec.NumRows()) * max(width, 1)
	a := rec.Column(at[0])
	want := arrow.DataType(typeOf[T]())
	if width > 0 {
		list, ok := a.(*array.FixedSizeList)
		if !ok || list.DataType().(*arrow.FixedSizeListType).Len() != int32(width) {
			return nil, fmt.Errorf("wire: column %q is %s, not %d values of %s", name, a.DataType(), width, want)
		}
		if list.NullN() != 0 {
			return nil, fmt.Errorf("wire: column %q has nulls", name)
		}
		start := list.Data().Offset() * width
		child := list.ListValues()
		if start != 0 || child.Len() != n {
			part := array.NewSlice(child, int64(start), int64(start+n))
			defer part.Release()
			a = part
		} else {
			a = child
		}
	}
	if !arrow.TypeEqual(a.DataType(), want) {
		return nil, fmt.Errorf("wire: column %q is of %s, not of %s", name, a.DataType(), want)
	}
	if a.NullN() != 0 {
		return nil, fmt.Errorf("wire: column %q has nulls", name)
	}
	if n == 0 {
		return []T{}, nil
	}
	size := int(unsafe.Sizeof(*new(T)))
	raw := a.Data().Buffers()[1].Bytes()
	from := a.Data().Offset() * size
	if a.Len() != n || len(raw) < from+n*size {
		return nil, fmt.Errorf("wire: column %q has %d values, not %d", name, a.Len(), n)
	}
	raw = raw[from : from+n*size]
	if uintptr(unsafe.Pointer(&raw[0]))%uintptr(size) != 0 {
		// Whoever made the payload did not align it; a copy is.
		out := make([]T, n)
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&out[0])), n*size), raw)
		return out, nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&raw[0])), n), nil
}

func typeOf[T Number]() arrow.DataType {
	switch any(*new(T)).(type) {
	case float32:
		return arrow.PrimitiveTypes.Float32
	case float64:
		return arrow.PrimitiveTypes.Float64
	case int32:
		return arrow.PrimitiveTypes.Int32
	case int64:
		return arrow.PrimitiveTypes.Int64
	default:
		return arrow.PrimitiveTypes.Uint8
	}
}
