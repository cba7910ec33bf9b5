package schemas

import (
	"math"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// dayMillis is the unit of date64, which counts milliseconds of whole days.
const dayMillis = 86_400_000

// Build makes one array per column from values, row-major [rows][Dims(columns)]:
// the way back from Numbers. Numbers for integer columns, dates and times are
// rounded to the nearest, ties to even, and kept inside of what the type
// holds; what is not a number becomes a null there. The caller releases the
// arrays.
func Build[T float32 | float64](mem memory.Allocator, columns []Column, values []T, rows int) ([]arrow.Array, error) {
	stride := Dims(columns)
	if len(values) < rows*stride {
		panic("schemas: values too short for the rows to build")
	}
	for _, c := range columns {
		if _, err := c.DataType(); err != nil {
			return nil, err
		}
	}
	arrays := make([]arrow.Array, len(columns))
	at := 0
	for i, c := range columns {
		arrays[i] = build(mem, c, values[min(at, len(values)):], stride, rows)
		at += c.Dims()
	}
	return arrays, nil
}

func build[T float32 | float64](mem memory.Allocator, c Column, values []T, stride, rows int) arrow.Array {
	elem, _ := c.elementType()
	width := c.Dims()
	n := rows * width
	data := memory.NewResizableBuffer(mem)
	defer data.Release()
	data.Resize(n * elem.(arrow.FixedWidthDataType).Bytes())
	b := builder[T]{values: values, stride: stride, rows: rows, width: width, mem: mem}
	switch elem.ID() {
	case arrow.FLOAT16:
		out := arrow.Float16Traits.CastFromBytes(data.Bytes())
		b.each(func(k int, v T) { out[k] = half(float64(v)) })
	case arrow.FLOAT32:
		out := arrow.Float32Traits.CastFromBytes(data.Bytes())
		b.each(func(k int, v T) { out[k] = float32(v) })
	case arrow.FLOAT64:
		out := arrow.Float64Traits.CastFromBytes(data.Bytes())
		b.each(func(k int, v T) { out[k] = float64(v) })
	case arrow.INT8:
		integers(&b, arrow.Int8Traits.CastFromBytes(data.Bytes()), 1)
	case arrow.INT16:
		integers(&b, arrow.Int16Traits.CastFromBytes(data.Bytes()), 1)
	case arrow.INT32, arrow.DATE32, arrow.TIME32:
		integers(&b, arrow.Int32Traits.CastFromBytes(data.Bytes()), 1)
	case arrow.INT64, arrow.TIME64, arrow.DURATION, arrow.TIMESTAMP:
		integers(&b, arrow.Int64Traits.CastFromBytes(data.Bytes()), 1)
	case arrow.DATE64:
		integers(&b, arrow.Int64Traits.CastFromBytes(data.Bytes()), dayMillis)
	case arrow.UINT8:
		integers(&b, arrow.Uint8Traits.CastFromBytes(data.Bytes()), 1)
	case arrow.UINT16:
		integers(&b, arrow.Uint16Traits.CastFromBytes(data.Bytes()), 1)
	case arrow.UINT32:
		integers(&b, arrow.Uint32Traits.CastFromBytes(data.Bytes()), 1)
	case arrow.UINT64:
		integers(&b, arrow.Uint64Traits.CastFromBytes(data.Bytes()), 1)
	}
	if b.valid != nil {
		defer b.valid.Release()
	}
	leaf := array.NewData(elem, n, []*memory.Buffer{b.valid, data}, nil, b.nulls, 0)
	defer leaf.Release()
	if c.Width == 0 {
		return array.MakeFromData(leaf)
	}
	list := array.NewData(arrow.FixedSizeListOf(int32(width), elem), rows, []*memory.Buffer{nil}, []arrow.ArrayData{leaf}, 0, 0)
	defer list.Release()
	return array.MakeFromData(list)
}

type builder[T float32 | float64] struct {
	values              []T
	stride, rows, width int
	mem                 memory.Allocator
	valid               *memory.Buffer
	nulls               int
}

func (b *builder[T]) each(f func(k int, v T)) {
	for i := range b.rows {
		for j := range b.width {
			f(i*b.width+j, b.values[i*b.stride+j])
		}
	}
}

func (b *builder[T]) null(k int) {
	if b.valid == nil {
		b.valid = memory.NewResizableBuffer(b.mem)
		b.valid.Resize(int(bitutil.BytesForBits(int64(b.rows * b.width))))
		bitutil.SetBitsTo(b.valid.Bytes(), 0, int64(b.rows*b.width), true)
	}
	bitutil.ClearBit(b.valid.Bytes(), k)
	b.nulls++
}

// integers writes whole multiples of unit.
func integers[I int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64, T float32 | float64](b *builder[T], out []I, unit I) {
	// The range is [least, bound): both are powers of two, exact in float64.
	bits := unsafe.Sizeof(I(0)) * 8
	signed := ^I(0) < 0
	least, bound := 0.0, math.Ldexp(1, int(bits))
	if signed {
		least, bound = -bound/2, bound/2
	}
	// The greatest value is formed without overflowing I.
	var lo, hi I
	if signed {
		hi = I(uint64(1)<<(bits-1) - 1)
		lo = -hi - 1
	} else {
		hi = ^I(0)
	}
	lo, hi = lo/unit*unit, hi/unit*unit
	b.each(func(k int, v T) {
		x := math.RoundToEven(float64(v)/float64(unit)) * float64(unit)
		switch {
		case x != x:
			out[k] = 0
			b.null(k)
		case x <= least:
			out[k] = lo
		case x >= bound:
			out[k] = hi
		default:
			out[k] = min(max(I(x), lo), hi)
		}
	})
}

// VectorArray is the column of type fixed_size_list<float32>[dim] that matrix,
// [rows][dim], is. Nothing is copied: matrix must not change afterwards. The
// caller releases the array.
func VectorArray(matrix []float32, dim int) arrow.Array {
	if dim < 1 || len(matrix)%dim != 0 {
		panic("schemas: matrix is not made of whole rows")
	}
	data := memory.NewBufferBytes(arrow.Float32Traits.CastToBytes(matrix))
	leaf := array.NewData(arrow.PrimitiveTypes.Float32, len(matrix), []*memory.Buffer{nil, data}, nil, 0, 0)
	defer leaf.Release()
	list := array.NewData(VectorType(dim), len(matrix)/dim, []*memory.Buffer{nil}, []arrow.ArrayData{leaf}, 0, 0)
	defer list.Release()
	return array.MakeFromData(list)
}

// VectorType is the type of a vector column.
func VectorType(dim int) arrow.DataType {
	return arrow.FixedSizeListOf(int32(dim), arrow.PrimitiveTypes.Float32)
}
