package wire

import (
	"bytes"
	"encoding/binary"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/float16"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// everything is a schema with every type that travels.
func everything() *arrow.Schema {
	var fields []arrow.Field
	types := slices.SortedFunc(maps.Values(plain), func(a, b arrow.DataType) int { return int(a.ID()) - int(b.ID()) })
	for _, t := range types {
		fields = append(fields, arrow.Field{Name: t.String(), Type: t, Nullable: true})
	}
	m := arrow.NewMetadata([]string{"a", "b"}, []string{"1", "2"})
	for _, t := range []arrow.DataType{
		arrow.FixedSizeListOf(3, arrow.PrimitiveTypes.Float32),
		arrow.FixedSizeListOf(2, arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Uint8)),
		&arrow.FixedSizeBinaryType{ByteWidth: 5},
		&arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"},
		&arrow.DurationType{Unit: arrow.Second},
		&arrow.Time32Type{Unit: arrow.Millisecond},
		&arrow.Time64Type{Unit: arrow.Nanosecond},
		&arrow.Decimal128Type{Precision: 20, Scale: 3},
	} {
		fields = append(fields, arrow.Field{Name: t.String(), Type: t, Nullable: true, Metadata: m})
	}
	return arrow.NewSchema(fields, &m)
}

func fill(b array.Builder, r *rand.Rand) {
	if r.IntN(5) == 0 {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(r.IntN(2) == 0)
	case *array.StringBuilder:
		b.Append(strings.Repeat("x", r.IntN(4)))
	case *array.LargeStringBuilder:
		b.Append(strings.Repeat("y", r.IntN(4)))
	case *array.BinaryBuilder:
		b.Append(make([]byte, r.IntN(4)))
	case *array.FixedSizeBinaryBuilder:
		b.Append([]byte{1, 2, 3, 4, byte(r.Uint32())})
	case *array.FixedSizeListBuilder:
		b.Append(true)
		for range b.Type().(*arrow.FixedSizeListType).Len() {
			fill(b.ValueBuilder(), r)
		}
	case *array.Float16Builder:
		b.Append(float16.New(r.Float32()))
	case *array.Float32Builder:
		b.Append(r.Float32())
	case *array.Float64Builder:
		b.Append(r.Float64())
	case *array.Decimal128Builder:
		b.AppendEmptyValue()
	default:
		n := b.Len()
		if _ = b.AppendValueFromString("1"); b.Len() == n {
			b.AppendEmptyValue()
		}
	}
}

func randomBatch(s *arrow.Schema, rows int, r *rand.Rand) arrow.Record {
	b := array.NewRecordBuilder(memory.DefaultAllocator, s)
	defer b.Release()
	for _, f := range b.Fields() {
		for range rows {
			fill(f, r)
		}
	}
	return b.NewRecord()
}

func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	s := everything()
	p, err := SchemaToProto(s)
	if err != nil {
		t.Fatal(err)
	}
	s2, err := SchemaFromProto(p)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Equal(s2) || !s.Metadata().Equal(s2.Metadata()) {
		t.Fatalf("schema became\n%v\nfrom\n%v", s2, s)
	}
	for _, rows := range []int{0, 1, 7, 8, 9, 64, 65, 1000} {
		whole := randomBatch(s, rows+5, r)
		for _, rec := range []arrow.Record{whole.NewSlice(0, int64(rows)), whole.NewSlice(5, int64(rows)+5), whole.NewSlice(3, 3+int64(rows)/2)} {
			b, err := Encode(rec)
			if err != nil {
				t.Fatal(err)
			}
			back, err := Decode(s2, b)
			if err != nil {
				t.Fatalf("%d rows: %v", rows, err)
			}
			if !array.RecordEqual(rec, back) {
				t.Fatalf("%d rows came back changed", rows)
			}
		}
	}
}

// Arrow's own reader and writer agree with Encode and Decode.
func TestArrowAgrees(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	s := everything()
	rec := randomBatch(s, 77, r)
	var stream bytes.Buffer
	w := ipc.NewWriter(&stream, ipc.WithSchema(s))
	if err := w.Write(rec); err != nil {
		t.Fatal(err)
	}
	// A stream is the schema's message, then the batch's.
	raw := stream.Bytes()
	head := 8 + int(binary.LittleEndian.Uint32(raw[4:]))
	theirs, err := Decode(s, raw[head:])
	if err != nil {
		t.Fatal(err)
	}
	if !array.RecordEqual(rec, theirs) {
		t.Error("Decode reads another batch than Arrow wrote")
	}
	ours, err := Encode(rec)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := ipc.NewReader(io.MultiReader(bytes.NewReader(raw[:head]), bytes.NewReader(ours)))
	if err != nil {
		t.Fatal(err)
	}
	if !reader.Next() {
		t.Fatal(reader.Err())
	}
	if !array.RecordEqual(rec, reader.Record()) {
		t.Error("Arrow reads another batch than Encode wrote")
	}
}

func TestColumnsKeepTheirBits(t *testing.T) {
	x := []float64{0, math.Copysign(0, -1), math.NaN(), math.Float64frombits(0x7ff8000000000123), math.Inf(1), 1e-310}
	y := []float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, float32(math.Inf(-1))}
	b, err := Encode(Batch(ColumnOf("t", x, 0), ColumnOf("x", y, 2), ColumnOf("s", []uint8{0, 1, 2, 3, 4, 255}, 0)))
	if err != nil {
		t.Fatal(err)
	}
	s := Batch(ColumnOf("t", x, 0), ColumnOf("x", y, 2), ColumnOf("s", []uint8{0, 1, 2, 3, 4, 255}, 0)).Schema()
	rec, err := Decode(s, b)
	if err != nil {
		t.Fatal(err)
	}
	x2, err := Values[float64](rec, "t", 0, 6)
	if err != nil {
		t.Fatal(err)
	}
	for i := range x {
		if math.Float64bits(x[i]) != math.Float64bits(x2[i]) {
			t.Errorf("value %d became %x", i, math.Float64bits(x2[i]))
		}
	}
	y2, err := Values[float32](rec.NewSlice(1, 6), "x", 2, 5)
	if err != nil {
		t.Fatal(err)
	}
	for i := range y2 {
		if y[i+2] != y2[i] {
			t.Errorf("element %d became %v", i, y2[i])
		}
	}
	for _, f := range []func() error{
		func() error { _, err := Values[float32](rec, "t", 0, 6); return err },
		func() error { _, err := Values[float64](rec, "t", 0, 5); return err },
		func() error { _, err := Values[float64](rec, "t", 1, 6); return err },
		func() error { _, err := Values[float32](rec, "x", 3, 6); return err },
		func() error { _, err := Values[float32](rec, "z", 3, 6); return err },
	} {
		if f() == nil {
			t.Error("a wrong column was taken")
		}
	}
}

// Every single flipped bit and every cut gives an error or a record of the
// right shape, never a panic and never memory that was not sent.
func TestDamagedPayload(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	s := everything()
	b, err := Encode(randomBatch(s, 9, r))
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(b); n += 1 + n/100 {
		if _, err := Decode(s, b[:n]); err == nil {
			t.Fatalf("a message cut at %d of %d was taken", n, len(b))
		}
	}
	c := make([]byte, len(b))
	refused := 0
	step := 1
	for i := 0; i < 8*len(b); i += step {
		if i/8 > 8+1600 { // past the metadata and the first buffers
			step = 61
		}
		copy(c, b)
		c[i/8] ^= 1 << (i % 8)
		rec, err := Decode(s, c)
		if err != nil {
			refused++
			continue
		}
		touch(rec)
	}
	if refused < 1000 {
		t.Errorf("only %d damaged messages were refused", refused)
	}
}

// touch reads every byte of a record, and every string through its offsets.
func touch(rec arrow.Record) {
	for _, c := range rec.Columns() {
		touchData(c.Data())
		if s, ok := c.(array.BinaryLike); ok {
			for i := range s.Len() {
				_ = s.ValueLen(i)
				_ = s.ValueStr(i)
			}
		}
	}
}

func touchData(d arrow.ArrayData) {
	var sum byte
	for _, b := range d.Buffers() {
		if b != nil {
			for _, x := range b.Bytes() {
				sum += x
			}
		}
	}
	for _, c := range d.Children() {
		touchData(c)
	}
}

func TestHostileSchema(t *testing.T) {
	p, _ := SchemaToProto(everything())
	deep := p.Fields[0]
	for range 20 {
		q, _ := SchemaToProto(arrow.NewSchema([]arrow.Field{{Name: "l", Type: arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int8)}}, nil))
		q.Fields[0].Children[0] = deep
		deep = q.Fields[0]
	}
	p.Fields = append(p.Fields, deep)
	if _, err := SchemaFromProto(p); err == nil {
		t.Error("a schema nested 20 deep was taken")
	}
	if _, err := SchemaFromProto(nil); err == nil {
		t.Error("no schema was taken")
	}
}

func FuzzPayload(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 6))
	s := everything()
	for _, rows := range []int{0, 1, 9} {
		b, err := Encode(randomBatch(s, rows, r))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if rec, err := Decode(s, b); err == nil {
			touch(rec)
		}
	})
}
