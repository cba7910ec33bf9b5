package schemas_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/float16"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/schemas"
)

// kinds are all types of columns with the least and greatest number that a
// test writes.
var kinds = []struct {
	name   string
	lo, hi float64
}{
	{"float16", -1000, 1000}, {"float32", -1e6, 1e6}, {"float64", -1e6, 1e6},
	{"int8", -128, 127}, {"int16", -32768, 32767}, {"int32", math.MinInt32, math.MaxInt32}, {"int64", -1 << 53, 1 << 53},
	{"uint8", 0, 255}, {"uint16", 0, 65535}, {"uint32", 0, math.MaxUint32}, {"uint64", 0, 1 << 53},
	{"date32", -1e5, 1e5}, {"date64", -1e12, 1e12},
	{"time32[s]", 0, 86399}, {"time32[ms]", 0, 86399999}, {"time64[us]", 0, 86399999999}, {"time64[ns]", 0, 86399999999999},
	{"duration[s]", -1e9, 1e9}, {"duration[ms]", -1e9, 1e9}, {"duration[us]", -1e9, 1e9}, {"duration[ns]", -1e9, 1e9},
	{"timestamp[s]", -1e9, 1e9}, {"timestamp[ms, tz=UTC]", -1e12, 1e12}, {"timestamp[us, tz=Europe/Paris]", -1e15, 1e15}, {"timestamp[ns]", -1e15, 1e15},
}

func allColumns() (columns []schemas.Column) {
	for _, k := range kinds {
		columns = append(columns, schemas.Column{Name: k.name, Type: k.name}, schemas.Column{Name: k.name + "s", Type: k.name, Width: 3})
	}
	return columns
}

func allValues(rows int) []float64 {
	r := rand.New(rand.NewPCG(1, 2))
	var v []float64
	for range rows {
		for _, k := range kinds {
			for range 4 {
				v = append(v, k.lo+(k.hi-k.lo)*r.Float64())
			}
		}
	}
	return v
}

func record(t testing.TB, mem memory.Allocator, columns []schemas.Column, values []float64, rows int) arrow.Record {
	t.Helper()
	fields, err := schemas.Fields(columns)
	if err != nil {
		t.Fatal(err)
	}
	arrays, err := schemas.Build(mem, columns, values, rows)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, a := range arrays {
			a.Release()
		}
	}()
	return array.NewRecord(arrow.NewSchema(fields, nil), arrays, int64(rows))
}

// TestRoundTrip: numbers of what was built from numbers of a record are those
// numbers again, for every type, for slices and for no rows.
func TestRoundTrip(t *testing.T) {
	for _, rows := range []int{0, 1, 2, 7, 64} {
		for cut := range min(rows, 5) + 1 {
			mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
			columns := allColumns()
			first := record(t, mem, columns, allValues(rows), rows)
			part := first.NewSlice(int64(cut), int64(rows))
			n := rows - cut
			got, err := schemas.ColumnsOf(part.Schema())
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != fmt.Sprint(columns) {
				t.Fatalf("columns %v became %v", columns, got)
			}
			x := make([]float64, n*schemas.Dims(columns))
			if err := schemas.Numbers(x, part, columns); err != nil {
				t.Fatal(err)
			}
			second := record(t, mem, columns, x, n)
			if !array.RecordEqual(part, second) {
				t.Errorf("rows %d, cut %d: a record is another after numbers and back", rows, cut)
			}
			y := make([]float64, len(x))
			if err := schemas.Numbers(y, second, columns); err != nil {
				t.Fatal(err)
			}
			for i := range x {
				if x[i] != y[i] {
					t.Fatalf("number %d: %v became %v", i, x[i], y[i])
				}
			}
			for _, r := range []arrow.Record{first, part, second} {
				r.Release()
			}
			mem.AssertSize(t, 0)
		}
	}
}

// TestNearest: built values are the nearest that the type holds.
func TestNearest(t *testing.T) {
	for _, c := range []struct {
		kind    string
		in, out float64
	}{
		{"int8", 127.4, 127}, {"int8", 1e300, 127}, {"int8", math.Inf(-1), -128}, {"int8", 2.5, 2}, {"int8", -3.5, -4}, {"int8", 127.6, 127},
		{"uint8", -0.4, 0}, {"uint8", -7, 0}, {"uint8", 255.5, 255}, {"uint8", 300, 255},
		{"int16", 4e4, 32767}, {"int16", -4e4, -32768}, {"uint16", 7e4, 65535},
		{"int32", 3e9, math.MaxInt32}, {"int32", -3e9, math.MinInt32}, {"uint32", 5e9, math.MaxUint32},
		{"date64", 86_400_000 * 1.4, 86_400_000}, {"date64", 86_400_000 * 1.6, 2 * 86_400_000},
		{"float16", 1, 1}, {"float16", 2049, 2048}, {"float16", 2051, 2052}, {"float16", 65519.9, 65504}, {"float16", 65520, math.Inf(1)}, {"float16", -1e-30, 0}, {"float16", 0x1p-24, 0x1p-24}, {"float16", 0x3p-24, 0x3p-24},
		{"float32", 0.1, float64(float32(0.1))},
		{"timestamp[us]", 12.5, 12},
	} {
		columns := []schemas.Column{{Name: "a", Type: c.kind}}
		rec := record(t, memory.NewGoAllocator(), columns, []float64{c.in}, 1)
		var got [1]float64
		if err := schemas.Numbers(got[:], rec, columns); err != nil || got[0] != c.out {
			t.Errorf("%s of %v is %v (%v), want %v", c.kind, c.in, got[0], err, c.out)
		}
	}
	for kind, want := range map[string]string{"int64": "9223372036854775807", "uint64": "18446744073709551615"} {
		columns := []schemas.Column{{Name: "a", Type: kind}}
		rec := record(t, memory.NewGoAllocator(), columns, []float64{1e30}, 1)
		if got := rec.Column(0).ValueStr(0); got != want {
			t.Errorf("the greatest %s is %s", kind, got)
		}
		rec = record(t, memory.NewGoAllocator(), columns, []float64{math.NaN()}, 1)
		if rec.Column(0).NullN() != 1 {
			t.Errorf("%s of NaN is not null", kind)
		}
	}
}

// TestHalf: every float16 comes back with its bits.
func TestHalf(t *testing.T) {
	b := array.NewFloat16Builder(memory.NewGoAllocator())
	for i := range 1 << 16 {
		b.Append(float16.FromBits(uint16(i)))
	}
	arr := b.NewFloat16Array()
	columns := []schemas.Column{{Name: "h", Type: "float16"}}
	rec := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "h", Type: arr.DataType()}}, nil), []arrow.Array{arr}, 1<<16)
	x := make([]float64, 1<<16)
	if err := schemas.Numbers(x, rec, columns); err != nil {
		t.Fatal(err)
	}
	back, err := schemas.Build(memory.NewGoAllocator(), columns, x, 1<<16)
	if err != nil {
		t.Fatal(err)
	}
	for i, h := range back[0].(*array.Float16).Values() {
		want := float16.FromBits(uint16(i))
		if h != want && !(h.IsNaN() && want.IsNaN()) {
			t.Fatalf("%#x became %#x", i, h.Uint16())
		}
	}
}

func TestVector(t *testing.T) {
	m := []float32{1, 2, 3, 4, 5, 6, 7, 8}
	arr := schemas.VectorArray(m, 2)
	defer arr.Release()
	schema := arrow.NewSchema([]arrow.Field{{Name: "x", Type: arr.DataType(), Nullable: true}}, nil)
	rec := array.NewRecord(schema, []arrow.Array{arr}, 4)
	defer rec.Release()
	cut := rec.NewSlice(1, 3)
	defer cut.Release()
	got, dim, err := schemas.Vector(cut, "x")
	if err != nil || dim != 2 || len(got) != 4 || got[0] != 3 || got[3] != 6 {
		t.Fatalf("%v %d %v", got, dim, err)
	}
	if &got[0] != &m[2] {
		t.Error("the view is a copy")
	}
	empty := rec.NewSlice(4, 4)
	defer empty.Release()
	if got, _, err := schemas.Vector(empty, "x"); err != nil || len(got) != 0 {
		t.Errorf("%v %v", got, err)
	}
}

// TestRefusals: what cannot be used is an error that names the column and the
// row and says what to do.
func TestRefusals(t *testing.T) {
	mem := memory.NewGoAllocator()
	for _, ty := range []arrow.DataType{arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString, arrow.FixedWidthTypes.Boolean, arrow.Null, arrow.ListOf(arrow.PrimitiveTypes.Int8),
		&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, &arrow.Decimal128Type{Precision: 5}, arrow.StructOf(),
		arrow.FixedWidthTypes.MonthInterval, arrow.FixedSizeListOf(2, arrow.BinaryTypes.String), arrow.FixedSizeListOf(2, arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int8)), arrow.MapOf(arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int8)} {
		_, err := schemas.ColumnsOf(arrow.NewSchema([]arrow.Field{{Name: "bad", Type: ty}}, nil))
		var e *schemas.Error
		if !errors.As(err, &e) || e.Reason != schemas.ColumnType || !strings.Contains(e.Message, `"bad"`) || e.Suggestion == "" {
			t.Errorf("%s: %v", ty, err)
		}
	}
	one := func(js string, ty arrow.DataType) arrow.Record {
		rec, _, err := array.RecordFromJSON(mem, arrow.NewSchema([]arrow.Field{{Name: "a", Type: ty, Nullable: true}}, nil), strings.NewReader(js))
		if err != nil {
			t.Fatal(err)
		}
		return rec
	}
	list := arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int64)
	for _, c := range []struct {
		rec    arrow.Record
		reason schemas.Reason
	}{
		{one(`[{"a":1},{"a":2},{"a":null}]`, arrow.PrimitiveTypes.Float64), schemas.NullValue},
		{one(`[{"a":[1,2]},{"a":[1,2]},{"a":null}]`, list), schemas.NullValue},
		{one(`[{"a":[1,2]},{"a":[1,2]},{"a":[1,null]}]`, list), schemas.NullValue},
		{one(`[{"a":1},{"a":2},{"a":9007199254740994}]`, arrow.PrimitiveTypes.Int64), schemas.OutOfRange},
		{one(`[{"a":1},{"a":2},{"a":9007199254740994}]`, arrow.PrimitiveTypes.Uint64), schemas.OutOfRange},
		{one(`[{"a":[1,2]},{"a":[1,2]},{"a":[1,-9007199254740994]}]`, list), schemas.OutOfRange},
	} {
		columns, err := schemas.ColumnsOf(c.rec.Schema())
		if err != nil {
			t.Fatal(err)
		}
		for from := range int64(3) {
			part := c.rec.NewSlice(from, 3)
			err := schemas.Numbers(make([]float64, 6), part, columns)
			var e *schemas.Error
			if !errors.As(err, &e) || e.Reason != c.reason || !strings.Contains(e.Message, fmt.Sprintf(`"a", row %d`, 2-from)) {
				t.Errorf("%v: %v", c.rec, err)
			}
		}
	}
	rec := one(`[{"a":1}]`, arrow.PrimitiveTypes.Int32)
	for _, c := range []schemas.Column{{Name: "b", Type: "int32"}, {Name: "a", Type: "int64"}, {Name: "a", Type: "int32", Width: 1}} {
		if err := schemas.Numbers(make([]float64, 1), rec, []schemas.Column{c}); err == nil {
			t.Errorf("%v is found", c)
		}
	}
	for _, words := range []string{"", "utf8", "timestamp[xs]", "timestamp[us, tz=", "int", "fixed_size_list<item: float32>[2]"} {
		if _, err := (schemas.Column{Name: "a", Type: words}).DataType(); err == nil {
			t.Errorf("%q is a type", words)
		}
	}
}
