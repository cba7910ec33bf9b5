package writer

import (
	"bytes"
	"encoding/base64"
	"io"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/loader/parquetfile"
)

// parquetEncoder writes one row group per group of rows, zstd, without
// dictionaries (which numbers rarely gain from) and without statistics.
type parquetEncoder struct {
	w      *pqarrow.FileWriter
	schema *arrow.Schema // as stored
	mem    memory.Allocator
}

// newParquet makes every column nullable: the elements of fixed-size lists
// that are not are written as nulls by Arrow's Go library.
func newParquet(w io.Writer, schema *arrow.Schema, mem memory.Allocator) (encoder, error) {
	logical, stored := make([]arrow.Field, schema.NumFields()), make([]arrow.Field, schema.NumFields())
	for i, f := range schema.Fields() {
		f.Nullable = true
		f.Metadata = without(f.Metadata, "PARQUET:field_id")
		logical[i] = f
		f.Type = storage(f.Type)
		stored[i] = f
	}
	meta := schema.Metadata()
	told, err := encodeSchema(arrow.NewSchema(logical, &meta))
	if err != nil {
		return nil, err
	}
	meta = arrow.NewMetadata(append(append([]string(nil), meta.Keys()...), "ARROW:schema"), append(append([]string(nil), meta.Values()...), told))
	e := &parquetEncoder{schema: arrow.NewSchema(stored, &meta), mem: mem}
	props := parquet.NewWriterProperties(
		parquet.WithCompression(compress.Codecs.Zstd),
		parquet.WithDictionaryDefault(false),
		parquet.WithStats(false),
		parquet.WithMaxRowGroupLength(math.MaxInt32),
		parquet.WithCreatedBy("pathline version 1.0.0"),
		parquet.WithAllocator(memory.NewGoAllocator()),
	)
	// The library closes what can be closed; the file is not its own.
	if e.w, err = pqarrow.NewFileWriter(e.schema, struct{ io.Writer }{w}, props, pqarrow.NewArrowWriterProperties()); err != nil {
		return nil, schemas.Errorf(schemas.ColumnType, "Parquet cannot hold these columns: %w", err)
	}
	return e, nil
}

// storage is the type in which Parquet keeps values of type t.
func storage(t arrow.DataType) arrow.DataType {
	switch t := t.(type) {
	case *arrow.FixedSizeListType:
		// Arrow's Go library cannot write fixed-size lists that are null.
		return arrow.ListOf(storage(t.Elem()))
	case *arrow.DurationType:
		return arrow.PrimitiveTypes.Int64
	case *arrow.TimestampType:
		if t.Unit == arrow.Second {
			return &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: t.TimeZone}
		}
	case *arrow.Time32Type:
		return arrow.FixedWidthTypes.Time32ms
	case *arrow.Date64Type:
		return arrow.FixedWidthTypes.Date32
	}
	return t
}

// encodeSchema is the schema as Arrow writers keep it in Parquet files.
func encodeSchema(s *arrow.Schema) (string, error) {
	var b bytes.Buffer
	w := ipc.NewWriter(&b, ipc.WithSchema(s))
	if err := w.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), nil
}

func (e *parquetEncoder) write(rec arrow.Record) error {
	arrays := make([]arrow.Array, 0, e.schema.NumFields())
	defer func() {
		for _, a := range arrays {
			a.Release()
		}
	}()
	for i, f := range e.schema.Fields() {
		data, err := store(rec.Column(i).Data(), f)
		if err != nil {
			return err
		}
		arrays = append(arrays, array.MakeFromData(data))
		data.Release()
	}
	stored := array.NewRecord(e.schema, arrays, rec.NumRows())
	defer stored.Release()
	return e.w.Write(stored)
}

func (e *parquetEncoder) close() error { return e.w.Close() }

// store gives values the type in which Parquet keeps them.
func store(data arrow.ArrayData, f arrow.Field) (arrow.ArrayData, error) {
	if list, ok := f.Type.(*arrow.ListType); ok {
		return storeList(data, f.Name, list)
	}
	buffers := data.Buffers()
	switch t := data.DataType().(type) {
	case *arrow.TimestampType:
		if t.Unit == arrow.Second {
			in := arrow.Int64Traits.CastFromBytes(buffers[1].Bytes())[:data.Len()]
			out := make([]int64, len(in))
			for i, v := range in {
				if out[i] = v * 1000; out[i]/1000 != v {
					return nil, schemas.Errorf(schemas.OutOfRange, "column %q: Parquet keeps times in milliseconds, and %d seconds are too many", f.Name, v)
				}
			}
			buffers = []*memory.Buffer{buffers[0], memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(out))}
		}
	case *arrow.Time32Type:
		if t.Unit == arrow.Second {
			in := arrow.Int32Traits.CastFromBytes(buffers[1].Bytes())[:data.Len()]
			out := make([]int32, len(in))
			for i, v := range in {
				if out[i] = v * 1000; out[i]/1000 != v {
					return nil, schemas.Errorf(schemas.OutOfRange, "column %q: Parquet keeps times in milliseconds, and %d seconds are too many", f.Name, v)
				}
			}
			buffers = []*memory.Buffer{buffers[0], memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(out))}
		}
	case *arrow.Date64Type:
		const day = 86_400_000
		in := arrow.Int64Traits.CastFromBytes(buffers[1].Bytes())[:data.Len()]
		out := make([]int32, len(in))
		for i, v := range in {
			if out[i] = int32(v / day); int64(out[i])*day != v && valid(data, i) {
				return nil, schemas.Errorf(schemas.OutOfRange, "column %q: Parquet keeps whole days, and %d milliseconds are none", f.Name, v)
			}
		}
		buffers = []*memory.Buffer{buffers[0], memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(out))}
	}
	return array.NewData(f.Type, data.Len(), buffers, data.Children(), data.NullN(), 0), nil
}

// storeList gives fixed-size lists the form of lists: null ones have no
// elements.
func storeList(data arrow.ArrayData, name string, list *arrow.ListType) (arrow.ArrayData, error) {
	fixed, ok := data.DataType().(*arrow.FixedSizeListType)
	if !ok {
		return nil, schemas.Errorf(schemas.ColumnType, "column %q has type %s, which a Parquet file of numbers does not hold", name, data.DataType())
	}
	elems, err := store(data.Children()[0], arrow.Field{Name: name, Type: list.Elem()})
	if err != nil {
		return nil, err
	}
	defer elems.Release()
	width := int(fixed.Len())
	ends := make([]int32, data.Len()+1)
	if data.Len()*width > math.MaxInt32 {
		return nil, schemas.Errorf(schemas.TooLarge, "column %q has too many elements for one row group", name)
	}
	whole := array.MakeFromData(elems)
	defer func() { whole.Release() }()
	var parts []arrow.Array // of rows that are not null, runs of them joined
	defer func() {
		for _, p := range parts {
			p.Release()
		}
	}()
	start := 0
	for i := range data.Len() {
		ends[i+1] = ends[i]
		if valid(data, i) {
			ends[i+1] += int32(width)
			continue
		}
		if i > start {
			parts = append(parts, array.NewSlice(whole, int64(start*width), int64(i*width)))
		}
		start = i + 1
	}
	if start > 0 {
		parts = append(parts, array.NewSlice(whole, int64(start*width), int64(data.Len()*width)))
		kept, err := array.Concatenate(parts, memory.NewGoAllocator())
		if err != nil {
			return nil, err
		}
		defer kept.Release()
		whole.Release()
		whole = kept
		whole.Retain()
	}
	buffers := []*memory.Buffer{data.Buffers()[0], memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(ends))}
	return array.NewData(list, data.Len(), buffers, []arrow.ArrayData{whole.Data()}, data.NullN(), 0), nil
}

func valid(data arrow.ArrayData, i int) bool {
	b := data.Buffers()[0]
	return b == nil || b.Len() == 0 || b.Bytes()[i/8]>>(i%8)&1 == 1
}

type parquetTable struct{ *parquetfile.File }

func openParquet(src io.ReaderAt, size int64) (table, error) {
	f, err := parquetfile.Open(src, size)
	return parquetTable{f}, err
}

func (t parquetTable) newReader(columns []int, rows int64, mem memory.Allocator) (reader, error) {
	return t.NewReader(columns, rows, mem)
}
