package schemas

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// exactInteger is the largest n for which all integers of magnitude up to n
// are float64 numbers.
const exactInteger = 1 << 53

// Dims is the number of dimensions that columns count for together.
func Dims(columns []Column) int {
	d := 0
	for _, c := range columns {
		d += c.Dims()
	}
	return d
}

// Numbers writes the columns of rec to dst, row-major [rows][Dims(columns)].
// Columns are found by name. A null is an error, and so is an integer that
// float64 does not hold exactly; both name the column and the row, counted
// from 0 at the start of rec. Points and spans of time are rounded to the
// nearest float64 (128 ns for today in nanoseconds).
func Numbers(dst []float64, rec arrow.Record, columns []Column) error {
	stride := Dims(columns)
	rows := int(rec.NumRows())
	if len(dst) < rows*stride {
		panic("schemas: destination too short for the numbers of a record")
	}
	at := 0
	for _, c := range columns {
		arr, err := find(rec, c.Name)
		if err != nil {
			return err
		}
		if err := sameType(c, arr.DataType()); err != nil {
			return err
		}
		if err := noNulls(arr, c.Name); err != nil {
			return err
		}
		elems, first, width := arr, 0, 1
		if list, ok := arr.(*array.FixedSizeList); ok {
			elems, width = list.ListValues(), c.Width
			first = list.Offset() * width
		}
		if row := numbersOf(dst[min(at, len(dst)):], stride, elems, first, rows, width); row >= 0 {
			return Errorf(OutOfRange, "column %q, row %d: the integer is beyond 2^53 and has no exact float64", c.Name, row).
				Suggest("leave the column out, or store it scaled or as float64")
		}
		at += width
	}
	return nil
}

func find(rec arrow.Record, name string) (arrow.Array, error) {
	at := rec.Schema().FieldIndices(name)
	if len(at) != 1 {
		return nil, Errorf(UnknownColumn, "%d columns are named %q where one is needed", len(at), name)
	}
	return rec.Column(at[0]), nil
}

func sameType(c Column, t arrow.DataType) error {
	have, err := ColumnOf(arrow.Field{Name: c.Name, Type: t})
	if err != nil {
		return err
	}
	if have.Type != c.Type || have.Width != c.Width {
		return Errorf(ColumnType, "column %q has type %s where %s[%d] is needed", c.Name, t, c.Type, c.Width)
	}
	return nil
}

// FirstNull is the first row of arr that is null or, in a fixed-size list, has
// a null element; -1 when there is none.
func FirstNull(arr arrow.Array) int {
	list, isList := arr.(*array.FixedSizeList)
	if arr.NullN() == 0 && (!isList || list.ListValues().NullN() == 0) {
		return -1
	}
	for i := range arr.Len() {
		if RowIsNull(arr, i) {
			return i
		}
	}
	return -1
}

// RowIsNull says whether row i of arr is null or has a null element.
func RowIsNull(arr arrow.Array, i int) bool {
	if arr.IsNull(i) {
		return true
	}
	if list, ok := arr.(*array.FixedSizeList); ok && list.ListValues().NullN() > 0 {
		n := int(list.DataType().(*arrow.FixedSizeListType).Len())
		for j := range n {
			if list.ListValues().IsNull((list.Offset()+i)*n + j) {
				return true
			}
		}
	}
	return false
}

func noNulls(arr arrow.Array, name string) error {
	if row := FirstNull(arr); row >= 0 {
		return Errorf(NullValue, "column %q, row %d: the value is null", name, row)
	}
	return nil
}

// numbersOf writes rows of width elements, from element first on; it gives the
// row of the first integer that is not exact, or -1.
func numbersOf(dst []float64, stride int, elems arrow.Array, first, rows, width int) int {
	switch a := elems.(type) {
	case *array.Float16:
		v := a.Values()[first:]
		for i := range rows {
			for j := range width {
				dst[i*stride+j] = fromHalf(v[i*width+j])
			}
		}
	case *array.Float32:
		copyNumbers(dst, stride, a.Float32Values()[first:], rows, width)
	case *array.Float64:
		copyNumbers(dst, stride, a.Float64Values()[first:], rows, width)
	case *array.Int8:
		copyNumbers(dst, stride, a.Int8Values()[first:], rows, width)
	case *array.Int16:
		copyNumbers(dst, stride, a.Int16Values()[first:], rows, width)
	case *array.Int32:
		copyNumbers(dst, stride, a.Int32Values()[first:], rows, width)
	case *array.Uint8:
		copyNumbers(dst, stride, a.Uint8Values()[first:], rows, width)
	case *array.Uint16:
		copyNumbers(dst, stride, a.Uint16Values()[first:], rows, width)
	case *array.Uint32:
		copyNumbers(dst, stride, a.Uint32Values()[first:], rows, width)
	case *array.Int64:
		v := a.Int64Values()[first:]
		for i, x := range v[:rows*width] {
			if x > exactInteger || x < -exactInteger {
				return i / width
			}
		}
		copyNumbers(dst, stride, v, rows, width)
	case *array.Uint64:
		v := a.Uint64Values()[first:]
		for i, x := range v[:rows*width] {
			if x > exactInteger {
				return i / width
			}
		}
		copyNumbers(dst, stride, v, rows, width)
	case *array.Date32:
		copyNumbers(dst, stride, a.Date32Values()[first:], rows, width)
	case *array.Date64:
		copyNumbers(dst, stride, a.Date64Values()[first:], rows, width)
	case *array.Time32:
		copyNumbers(dst, stride, a.Time32Values()[first:], rows, width)
	case *array.Time64:
		copyNumbers(dst, stride, a.Time64Values()[first:], rows, width)
	case *array.Duration:
		copyNumbers(dst, stride, a.DurationValues()[first:], rows, width)
	case *array.Timestamp:
		copyNumbers(dst, stride, a.TimestampValues()[first:], rows, width)
	default:
		panic("schemas: numbers of a column that has none")
	}
	return -1
}

func copyNumbers[T ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64](dst []float64, stride int, src []T, rows, width int) {
	for i := range rows {
		row := dst[i*stride : i*stride+width]
		for j := range row {
			row[j] = float64(src[i*width+j])
		}
	}
}

// Vector is the matrix [rows][dim] that lies in a column of type
// fixed_size_list<float32>[dim], without a copy: it is valid as long as rec is.
func Vector(rec arrow.Record, name string) (matrix []float32, dim int, err error) {
	arr, err := find(rec, name)
	if err != nil {
		return nil, 0, err
	}
	list, ok := arr.(*array.FixedSizeList)
	if !ok {
		return nil, 0, Errorf(ColumnType, "column %q has type %s where a fixed-size list of float32 is needed", name, arr.DataType())
	}
	elems, ok := list.ListValues().(*array.Float32)
	if !ok {
		return nil, 0, Errorf(ColumnType, "column %q has type %s where a fixed-size list of float32 is needed", name, arr.DataType())
	}
	if err := noNulls(arr, name); err != nil {
		return nil, 0, err
	}
	dim = int(list.DataType().(*arrow.FixedSizeListType).Len())
	return elems.Float32Values()[list.Offset()*dim:][:list.Len()*dim], dim, nil
}

// FieldNames are the names of the columns of a schema, in order.
func FieldNames(s *arrow.Schema) []string {
	var names []string
	for _, f := range s.Fields() {
		names = append(names, f.Name)
	}
	return names
}
