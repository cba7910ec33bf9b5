package parquetfile

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
)

// convertible says whether stored values of size bytes can become values of
// type t.
func convertible(f field, size int, t arrow.DataType) bool {
	switch f.physical {
	case parquet.Types.Boolean:
		return t.ID() == arrow.BOOL
	case parquet.Types.Float:
		return t.ID() == arrow.FLOAT32
	case parquet.Types.Double:
		return t.ID() == arrow.FLOAT64
	case parquet.Types.Int32:
		switch t.ID() {
		case arrow.INT8, arrow.INT16, arrow.INT32, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.DATE32, arrow.DATE64, arrow.TIME32:
			return true
		}
	case parquet.Types.Int64:
		switch t.ID() {
		case arrow.INT64, arrow.UINT64, arrow.UINT32, arrow.TIME64, arrow.DURATION, arrow.TIMESTAMP:
			return true
		}
	case parquet.Types.Int96:
		return t.ID() == arrow.TIMESTAMP && t.(*arrow.TimestampType).Unit == arrow.Nanosecond
	case parquet.Types.FixedLenByteArray:
		return t.ID() == arrow.FLOAT16 && size == 2
	case parquet.Types.ByteArray:
		switch t.ID() {
		case arrow.STRING, arrow.LARGE_STRING, arrow.BINARY, arrow.LARGE_BINARY:
			return true
		}
	}
	return false
}

// array turns n stored values into an array of the type that is given.
func (c *column) array(raw []byte, n int64, valid *bitmap, _ memory.Allocator) (arrow.Array, error) {
	raw, err := c.convert(raw, int(n))
	if err != nil {
		return nil, err
	}
	return made(c.t, n, []*memory.Buffer{valid.buffer(), memory.NewBufferBytes(raw)}, nil, valid.nulls), nil
}

// errRange is what a time of 96 bits gives that is no damage for sure: other
// programs write the year 1 or 9999 for "never".
var errRange = errors.New("a time lies outside of the years 1678 to 2261, the range of nanoseconds in 64 bits")

func (c *column) convert(raw []byte, n int) ([]byte, error) {
	const julianEpoch = 2_440_588 // day number of 1970-01-01
	const dayMillis, dayNanos = 86_400_000, 86_400_000_000_000
	le := binary.LittleEndian
	switch t := c.t.(type) {
	case *arrow.BooleanType:
		out := make([]byte, (n+7)/8)
		for i, v := range raw[:n] {
			bitutil.SetBitTo(out, i, v != 0)
		}
		return out, nil
	case *arrow.Int8Type, *arrow.Uint8Type:
		for i := range n {
			raw[i] = raw[4*i]
		}
		return raw[:n], nil
	case *arrow.Int16Type, *arrow.Uint16Type:
		for i := range n {
			copy(raw[2*i:2*i+2], raw[4*i:])
		}
		return raw[:2*n], nil
	case *arrow.Uint32Type:
		if c.size == 8 {
			for i := range n {
				copy(raw[4*i:4*i+4], raw[8*i:])
			}
		}
		return raw[:4*n], nil
	case *arrow.Date64Type:
		out := make([]byte, 8*n)
		for i := range n {
			le.PutUint64(out[8*i:], uint64(int64(int32(le.Uint32(raw[4*i:])))*dayMillis))
		}
		return out, nil
	case *arrow.Time32Type:
		if stored, ok := c.field.stored.(*arrow.Time32Type); ok && stored.Unit != t.Unit {
			for i := range n {
				v := int32(le.Uint32(raw[4*i:]))
				if v%1000 != 0 {
					return nil, errDamaged
				}
				le.PutUint32(raw[4*i:], uint32(v/1000))
			}
		}
		return raw, nil
	case *arrow.TimestampType:
		if c.size == 12 {
			out := make([]byte, 8*n)
			for i := range n {
				nanos, day := le.Uint64(raw[12*i:]), int64(le.Uint32(raw[12*i+8:]))-julianEpoch
				if nanos > dayNanos || day > math.MaxInt64/dayNanos-1 || day < math.MinInt64/dayNanos+1 {
					if nanos != 0 || day != -julianEpoch { // what stands at nulls
						return nil, errRange
					}
					nanos, day = 0, 0
				}
				le.PutUint64(out[8*i:], uint64(day*dayNanos+int64(nanos)))
			}
			return out, nil
		}
		if stored, ok := c.field.stored.(*arrow.TimestampType); ok && stored.Unit != t.Unit {
			for i := range n {
				v := int64(le.Uint64(raw[8*i:]))
				if v%1000 != 0 {
					return nil, errDamaged
				}
				le.PutUint64(raw[8*i:], uint64(v/1000))
			}
		}
		return raw, nil
	}
	return raw, nil
}
