package writer_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"go.uber.org/goleak"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/writer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// batches are rows in memory.
type batches struct {
	schema *arrow.Schema
	recs   []arrow.Record
}

func (b *batches) Schema() *arrow.Schema { return b.schema }
func (b *batches) Count() int64          { return -1 }
func (b *batches) Open(context.Context) (pipeline.Stream, error) {
	return &batchStream{recs: b.recs}, nil
}

type batchStream struct{ recs []arrow.Record }

func (s *batchStream) Close() error { return nil }
func (s *batchStream) Next(context.Context) (arrow.Record, error) {
	if len(s.recs) == 0 {
		return nil, io.EOF
	}
	r := s.recs[0]
	s.recs = s.recs[1:]
	r.Retain()
	return r, nil
}

var kinds = []string{"float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
	"date32", "date64", "time32[s]", "time32[ms]", "time64[us]", "time64[ns]", "duration[s]", "duration[ms]", "duration[us]", "duration[ns]",
	"timestamp[s]", "timestamp[s, tz=UTC]", "timestamp[ms]", "timestamp[ms, tz=UTC]", "timestamp[us]", "timestamp[us, tz=Europe/Paris]", "timestamp[ns]", "timestamp[ns, tz=+02:00]"}

// everything is a record with all types of columns. Floats have NaN and
// infinities; nulls are sprinkled over every column when asked for.
func everything(t testing.TB, mem memory.Allocator, rows int, nulls bool) arrow.Record {
	t.Helper()
	r := rand.New(rand.NewPCG(3, uint64(rows)))
	var columns []schemas.Column
	for _, k := range kinds {
		columns = append(columns, schemas.Column{Name: k, Type: k}, schemas.Column{Name: k + " list", Type: k, Width: 3})
	}
	v := make([]float64, rows*schemas.Dims(columns))
	for i := range v {
		v[i] = math.Round(r.Float64()*30000) - 10000
		if strings.HasPrefix(kinds[i%(4*len(kinds))/4], "float") && r.IntN(10) == 0 {
			v[i] = []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1)}[r.IntN(4)]
		}
	}
	fields, err := schemas.Fields(columns)
	if err != nil {
		t.Fatal(err)
	}
	arrays, err := schemas.Build(mem, columns, v, rows)
	if err != nil {
		t.Fatal(err)
	}
	add := func(name string, b array.Builder, f func(i int) string) {
		defer b.Release()
		for i := range rows {
			if err := b.AppendValueFromString(f(i)); err != nil {
				t.Fatal(err)
			}
		}
		fields = append(fields, arrow.Field{Name: name, Type: b.Type(), Nullable: true})
		arrays = append(arrays, b.NewArray())
	}
	add("text", array.NewStringBuilder(mem), func(i int) string { return strings.Repeat("ü", r.IntN(5)) + fmt.Sprint(i) })
	add("flag", array.NewBooleanBuilder(mem), func(i int) string { return fmt.Sprint(r.IntN(2) == 0) })
	if nulls {
		for i, a := range arrays {
			arrays[i] = withNulls(mem, a, r)
			a.Release()
		}
	}
	meta := arrow.NewMetadata([]string{schemas.MetaColumns, "other"}, []string{"[]", "é"})
	rec := array.NewRecord(arrow.NewSchema(fields, &meta), arrays, int64(rows))
	for _, a := range arrays {
		a.Release()
	}
	return rec
}

// withNulls makes some rows null, and some elements of lists.
func withNulls(mem memory.Allocator, a arrow.Array, r *rand.Rand) arrow.Array {
	b := array.NewBuilder(mem, a.DataType())
	defer b.Release()
	for i := range a.Len() {
		if r.IntN(4) == 0 {
			b.AppendNull()
		} else if list, ok := a.(*array.FixedSizeList); ok {
			lb := b.(*array.FixedSizeListBuilder)
			lb.Append(true)
			for j := range 3 {
				if r.IntN(5) == 0 {
					lb.ValueBuilder().AppendNull()
				} else if err := appendValue(lb.ValueBuilder(), list.ListValues(), i*3+j); err != nil {
					panic(err)
				}
			}
		} else if err := appendValue(b, a, i); err != nil {
			panic(err)
		}
	}
	return b.NewArray()
}

func appendValue(b array.Builder, a arrow.Array, i int) error {
	switch b := b.(type) {
	case *array.Float16Builder:
		b.Append(a.(*array.Float16).Value(i))
	case *array.TimestampBuilder:
		b.Append(a.(*array.Timestamp).Value(i))
	case *array.DurationBuilder:
		b.Append(a.(*array.Duration).Value(i))
	case *array.Date64Builder:
		b.Append(a.(*array.Date64).Value(i))
	case *array.Time32Builder:
		b.Append(a.(*array.Time32).Value(i))
	case *array.Time64Builder:
		b.Append(a.(*array.Time64).Value(i))
	default:
		return b.AppendValueFromString(a.ValueStr(i))
	}
	return nil
}

// cuts gives the rows of rec in batches.
func cuts(rec arrow.Record, at ...int64) *batches {
	b := &batches{schema: rec.Schema()}
	from := int64(0)
	for _, to := range append(at, rec.NumRows()) {
		if to > from {
			b.recs = append(b.recs, rec.NewSlice(from, to))
		}
		from = to
	}
	return b
}

func (b *batches) release() {
	for _, r := range b.recs {
		r.Release()
	}
}

// same compares bits: NaN equals NaN, and -0 is not 0.
func same(t *testing.T, want, got arrow.Record) {
	t.Helper()
	for c := range int(want.NumCols()) {
		a, b := want.Column(c), got.Column(c)
		if !arrow.TypeEqual(a.DataType(), b.DataType()) {
			t.Errorf("column %q: %s became %s", want.ColumnName(c), a.DataType(), b.DataType())
			continue
		}
		if bits(a) != bits(b) {
			t.Errorf("column %q: values changed:\n%v\n%v", want.ColumnName(c), a, b)
		}
	}
}

func bits(a arrow.Array) string {
	var s strings.Builder
	for i := range a.Len() {
		if a.IsNull(i) {
			s.WriteString("null ")
			continue
		}
		switch a := a.(type) {
		case *array.FixedSizeList:
			n := int(a.DataType().(*arrow.FixedSizeListType).Len())
			part := array.NewSlice(a.ListValues(), int64((a.Offset()+i)*n), int64((a.Offset()+i+1)*n))
			s.WriteString("[" + bits(part) + "]")
			part.Release()
		case *array.Float32:
			fmt.Fprintf(&s, "%x ", math.Float32bits(a.Value(i)))
		case *array.Float64:
			fmt.Fprintf(&s, "%x ", math.Float64bits(a.Value(i)))
		case *array.Float16:
			fmt.Fprintf(&s, "%x ", a.Value(i).Uint16())
		case *array.Timestamp:
			fmt.Fprintf(&s, "%d ", a.Value(i))
		case *array.Duration:
			fmt.Fprintf(&s, "%d ", a.Value(i))
		default:
			fmt.Fprintf(&s, "%q ", a.ValueStr(i))
		}
	}
	return s.String()
}

// collect joins all batches; nil when there are none.
func collect(t *testing.T, mem memory.Allocator, rows pipeline.Rows) arrow.Record {
	t.Helper()
	var recs []arrow.Record
	err := pipeline.Each(context.Background(), rows, func(r arrow.Record) error {
		r.Retain()
		recs = append(recs, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(recs) == 0 {
		return nil
	}
	table := array.NewTableFromRecords(rows.Schema(), recs)
	defer table.Release()
	var arrays []arrow.Array
	for c := range int(table.NumCols()) {
		a, err := array.Concatenate(table.Column(c).Data().Chunks(), mem)
		if err != nil {
			t.Fatal(err)
		}
		arrays = append(arrays, a)
		defer a.Release()
	}
	for _, r := range recs {
		r.Release()
	}
	return array.NewRecord(rows.Schema(), arrays, table.NumRows())
}

func write(t *testing.T, name string, mem memory.Allocator, rows pipeline.Rows) (path string, count int64) {
	t.Helper()
	w, ok := writer.New(name, mem)
	if !ok {
		t.Fatal("no writer " + name)
	}
	path = filepath.Join(t.TempDir(), "rows")
	count, err := w.Write(context.Background(), path, rows)
	if err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
		t.Errorf("%v were left beside the file", left)
	}
	return path, count
}

// TestReadBack: what Open gives has the bits and types of what Write took.
func TestReadBack(t *testing.T) {
	for _, name := range []string{"parquet", "arrow"} {
		for _, rows := range []int{0, 1, 60} {
			for _, nulls := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%d/nulls=%v", name, rows, nulls), func(t *testing.T) {
					mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
					rec := everything(t, mem, rows, nulls)
					in := cuts(rec, int64(rows/3), int64(rows/2))
					path, count := write(t, name, mem, in)
					if count != int64(rows) {
						t.Errorf("%d rows were written", count)
					}
					w, _ := writer.New(name, mem)
					back, err := w.Open(context.Background(), path)
					if err != nil {
						t.Fatal(err)
					}
					if back.Count() != int64(rows) {
						t.Errorf("%d rows can be read", back.Count())
					}
					if v, _ := back.Schema().Metadata().GetValue(schemas.MetaColumns); v != "[]" {
						t.Error("metadata is lost")
					}
					if v, _ := back.Schema().Metadata().GetValue("other"); v != "é" {
						t.Error("metadata is lost")
					}
					for i, f := range back.Schema().Fields() {
						if g := rec.Schema().Field(i); !f.Equal(g) {
							t.Errorf("field %v became %v", g, f)
						}
					}
					if got := collect(t, mem, back); got != nil {
						same(t, rec, got)
						got.Release()
					} else if rows > 0 {
						t.Error("no rows came back")
					}
					rec.Release()
					in.release()
					mem.AssertSize(t, 0)
				})
			}
		}
	}
}

// TestSameBytes: the file is a function of the rows, not of the batches.
func TestSameBytes(t *testing.T) {
	mem := memory.NewGoAllocator()
	rec := everything(t, mem, 100, true)
	big := repeat(t, 300_000)
	for _, name := range []string{"parquet", "arrow", "csv"} {
		for _, rec := range []arrow.Record{rec, big} {
			var want []byte
			for _, at := range [][]int64{nil, {1}, {7, 8, 9, 50, 99}, {rec.NumRows() / 2}} {
				path, _ := write(t, name, mem, cuts(rec, at...))
				got, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if want == nil {
					want = got
				} else if !bytes.Equal(want, got) {
					t.Errorf("%s: other bytes when cut at %v", name, at)
				}
			}
		}
	}
}

func repeat(t *testing.T, rows int) arrow.Record {
	v := make([]float64, rows)
	for i := range v {
		v[i] = float64(i)
	}
	columns := []schemas.Column{{Name: "n", Type: "int32"}}
	arrays, err := schemas.Build(memory.NewGoAllocator(), columns, v, rows)
	if err != nil {
		t.Fatal(err)
	}
	fields, _ := schemas.Fields(columns)
	return array.NewRecord(arrow.NewSchema(fields, nil), arrays, int64(rows))
}

// TestGroups: more rows than one group come back whole.
func TestGroups(t *testing.T) {
	rec := repeat(t, 300_000)
	for _, name := range []string{"parquet", "arrow"} {
		path, _ := write(t, name, nil, cuts(rec, 5, 200_000))
		w, _ := writer.New(name, nil)
		rows, err := w.Open(context.Background(), path)
		if err != nil {
			t.Fatal(err)
		}
		if got := collect(t, memory.NewGoAllocator(), rows); !array.RecordEqual(rec, got) {
			t.Errorf("%s: rows changed", name)
		}
	}
}

// TestOmit: a column is in the file when some row deviates, and only then.
func TestOmit(t *testing.T) {
	const rows = 1000
	for _, name := range []string{"parquet", "arrow", "csv"} {
		for _, deviate := range [][]int{nil, {0}, {999}, {10, 11, 12, 500}, {3, 5, 7}} {
			for _, null := range []bool{false, true} {
				mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
				status, values := array.NewStringBuilder(mem), array.NewInt32Builder(mem)
				at := map[int]bool{}
				for _, d := range deviate {
					at[d] = true
				}
				for i := range rows {
					values.Append(int32(i))
					switch {
					case at[i] && null:
						status.AppendNull()
					case at[i]:
						status.Append(fmt.Sprintf("bad%d", i/2))
					default:
						status.Append("ok")
					}
				}
				s, v := status.NewArray(), values.NewArray()
				schema := arrow.NewSchema([]arrow.Field{
					{Name: "status", Type: s.DataType(), Nullable: true, Metadata: arrow.NewMetadata([]string{schemas.MetaOmitWhen}, []string{"ok"})},
					{Name: "v", Type: v.DataType(), Nullable: true}}, nil)
				rec := array.NewRecord(schema, []arrow.Array{s, v}, rows)
				in := cuts(rec, 6, 11, 700)
				path, count := write(t, name, mem, in)
				if count != rows {
					t.Errorf("%d rows", count)
				}
				fields := len(schema.Fields())
				if deviate == nil {
					fields = 1
				}
				if name == "csv" {
					f, _ := os.Open(path)
					lines, err := csv.NewReader(f).ReadAll()
					f.Close()
					if err != nil || len(lines) != rows+1 || len(lines[0]) != fields {
						t.Errorf("%v: %d lines of %v, %v", deviate, len(lines), lines[0], err)
					}
				} else {
					w, _ := writer.New(name, mem)
					back, err := w.Open(context.Background(), path)
					if err != nil {
						t.Fatal(err)
					}
					if back.Schema().NumFields() != fields || (back.Schema().Field(0).Metadata.FindKey(schemas.MetaOmitWhen) >= 0) != (fields == 2) {
						t.Errorf("%s %v: %v", name, deviate, back.Schema())
					}
					got := collect(t, mem, back)
					if fields == 2 {
						same(t, rec, got)
					}
					got.Release()
				}
				in.release()
				for _, r := range []interface{ Release() }{rec, s, v, status, values} {
					r.Release()
				}
				mem.AssertSize(t, 0)
			}
		}
	}
}

// failing rows break after one batch.
type failing struct{ *batches }

func (f failing) Open(ctx context.Context) (pipeline.Stream, error) {
	s, _ := f.batches.Open(ctx)
	return &failingStream{Stream: s}, nil
}

type failingStream struct {
	pipeline.Stream
	n int
}

var errStop = errors.New("stop")

func (s *failingStream) Next(ctx context.Context) (arrow.Record, error) {
	if s.n++; s.n > 1 {
		return nil, errStop
	}
	return s.Stream.Next(ctx)
}

// TestFailure: after an error there is no file, and the error is that of the
// rows.
func TestFailure(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	rec := everything(t, mem, 10, false)
	in := cuts(rec, 5)
	for _, name := range []string{"parquet", "arrow", "csv"} {
		w, _ := writer.New(name, mem)
		dir := t.TempDir()
		if _, err := w.Write(context.Background(), filepath.Join(dir, "a"), failing{in}); !errors.Is(err, errStop) {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: %v is left", name, left)
		}
		if _, err := w.Write(context.Background(), filepath.Join(dir, "no", "a"), in); err == nil {
			t.Errorf("%s: a file in a folder that is not there", name)
		}
	}
	in.release()
	rec.Release()
	mem.AssertSize(t, 0)
}

func TestCSV(t *testing.T) {
	rec, _, err := array.RecordFromJSON(memory.NewGoAllocator(), arrow.NewSchema([]arrow.Field{
		{Name: "a,b", Type: arrow.PrimitiveTypes.Float32, Nullable: true},
		{Name: "v", Type: arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Uint8), Nullable: true},
	}, nil), strings.NewReader(`[{"a,b": 0.1, "v": [1, 2]}, {"a,b": null, "v": [3, null]}, {"a,b": -2.5e30, "v": null}]`))
	if err != nil {
		t.Fatal(err)
	}
	path, _ := write(t, "csv", nil, cuts(rec, 1))
	got, _ := os.ReadFile(path)
	if want := "\"a,b\",v_0,v_1\n0.1,1,2\n,3,\n-2.5e+30,,\n"; string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
	for name, want := range map[string]bool{"csv": false, "parquet": true, "arrow": true} {
		if w, _ := writer.New(name, nil); w.Readable() != want {
			t.Errorf("%s: Readable is %v", name, !want)
		}
	}
}

func TestForEnding(t *testing.T) {
	for ending, want := range map[string]string{".parquet": "parquet", ".arrow": "arrow", ".csv": "csv", ".txt": "", "": ""} {
		if got, ok := writer.ForEnding(ending); got != want || ok != (want != "") {
			t.Errorf("%s: %s", ending, got)
		}
	}
}

func TestRegister(t *testing.T) {
	r := pipeline.NewRegistry()
	writer.Register(r)
	if n := len(r.Implementations(writer.Kind)); n != 3 {
		t.Errorf("%d writers", n)
	}
}
