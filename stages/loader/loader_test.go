package loader

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"go.uber.org/goleak"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/random"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sample is a table with columns that can be used (n: the row's number, f, v)
// and columns that cannot (text, when). f is null in every row that divides
// by nullEvery.
func sample(first, rows, nullEvery int) arrow.Record {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "n", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
		{Name: "f", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "when", Type: arrow.FixedWidthTypes.Timestamp_us, Nullable: true},
		{Name: "v", Type: arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Uint8), Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.NewGoAllocator(), schema)
	for i := first; i < first+rows; i++ {
		b.Field(0).(*array.StringBuilder).Append(strings.Repeat("x", i%7))
		b.Field(1).(*array.Int32Builder).Append(int32(i))
		if nullEvery > 0 && i%nullEvery == 0 {
			b.Field(2).AppendNull()
		} else {
			b.Field(2).(*array.Float64Builder).Append(float64(i) / 8)
		}
		b.Field(3).(*array.TimestampBuilder).Append(arrow.Timestamp(i))
		v := b.Field(4).(*array.FixedSizeListBuilder)
		v.Append(true)
		v.ValueBuilder().(*array.Uint8Builder).AppendValues([]uint8{uint8(i), uint8(i + 1)}, nil)
	}
	return b.NewRecord()
}

// files of every format and shape that a loader meets.
var shapes = []struct {
	name, format string
	write        func(w io.Writer, recs ...arrow.Record) error
}{
	{"zstd", "parquet", writeParquet(parquet.WithCompression(compress.Codecs.Zstd))},
	{"snappy pages v2", "parquet", writeParquet(parquet.WithCompression(compress.Codecs.Snappy), parquet.WithDataPageVersion(parquet.DataPageV2), parquet.WithDataPageSize(64))},
	{"gzip small pages", "parquet", writeParquet(parquet.WithCompression(compress.Codecs.Gzip), parquet.WithDataPageSize(64), parquet.WithBatchSize(16))},
	{"brotli plain", "parquet", writeParquet(parquet.WithCompression(compress.Codecs.Brotli), parquet.WithDictionaryDefault(false))},
	{"no compression, version 1", "parquet", writeParquet(parquet.WithVersion(parquet.V1_0))},
	{"delta", "parquet", writeParquet(parquet.WithDictionaryDefault(false), parquet.WithEncodingFor("n", parquet.Encodings.DeltaBinaryPacked), parquet.WithEncodingFor("when", parquet.Encodings.DeltaBinaryPacked))},
	{"file", "arrow", writeFile()},
	{"file zstd", "arrow", writeFile(ipc.WithZstd())},
	{"file lz4", "arrow", writeFile(ipc.WithLZ4())},
	{"stream", "arrow", writeStream()},
	{"stream lz4", "arrow", writeStream(ipc.WithLZ4())},
}

func writeParquet(o ...parquet.WriterProperty) func(io.Writer, ...arrow.Record) error {
	return func(w io.Writer, recs ...arrow.Record) error {
		fw, err := pqarrow.NewFileWriter(recs[0].Schema(), struct{ io.Writer }{w}, parquet.NewWriterProperties(o...), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
		if err != nil {
			return err
		}
		for _, r := range recs {
			if err := fw.Write(r); err != nil {
				return err
			}
		}
		return fw.Close()
	}
}

func writeFile(o ...ipc.Option) func(io.Writer, ...arrow.Record) error {
	return func(w io.Writer, recs ...arrow.Record) error {
		f, err := os.CreateTemp("", "rows")
		if err != nil {
			return err
		}
		defer os.Remove(f.Name())
		defer f.Close()
		fw, err := ipc.NewFileWriter(f, append(o, ipc.WithSchema(recs[0].Schema()))...)
		if err != nil {
			return err
		}
		for _, r := range recs {
			if err := fw.Write(r); err != nil {
				return err
			}
		}
		if err := fw.Close(); err != nil {
			return err
		}
		f.Seek(0, io.SeekStart)
		_, err = io.Copy(w, f)
		return err
	}
}

func writeStream(o ...ipc.Option) func(io.Writer, ...arrow.Record) error {
	return func(w io.Writer, recs ...arrow.Record) error {
		sw := ipc.NewWriter(w, append(o, ipc.WithSchema(recs[0].Schema()))...)
		for _, r := range recs {
			if err := sw.Write(r); err != nil {
				return err
			}
		}
		return sw.Close()
	}
}

func save(t testing.TB, dir, name string, write func(io.Writer, ...arrow.Record) error, recs ...arrow.Record) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, recs...); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func stageOf(t testing.TB, format string, mem memory.Allocator, dir string, change func(*Table)) *tableStage {
	t.Helper()
	c := TableDefaults()
	c.Path = "a." + format
	change(&c)
	s, err := newTable(pipeline.Env{Stage: "data", Seed: 7, Dir: dir, Alloc: mem}, format, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func split(t testing.TB, s pipeline.Stage, name string) pipeline.Rows {
	t.Helper()
	out, err := s.Run(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return out.Rows[name]
}

// table reads rows as text, one line a row.
func text(t testing.TB, rows pipeline.Rows) []string {
	t.Helper()
	var lines []string
	err := pipeline.Each(context.Background(), rows, func(rec arrow.Record) error {
		if rec.NumRows() == 0 {
			t.Error("an empty batch")
		}
		if !rec.Schema().Equal(rows.Schema()) {
			t.Error("a batch of another schema")
		}
		for i := range int(rec.NumRows()) {
			var b strings.Builder
			for _, c := range rec.Columns() {
				fmt.Fprint(&b, c.ValueStr(i), " ")
			}
			lines = append(lines, b.String())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := rows.Count(); n != int64(len(lines)) {
		t.Errorf("%d rows came where %d were counted", len(lines), n)
	}
	return lines
}

// TestRows: every format and shape gives the rows of the table, whatever the
// batch.
func TestRows(t *testing.T) {
	a, b := sample(0, 150, 0), sample(150, 83, 0)
	var want []string
	for i := range 233 {
		want = append(want, fmt.Sprintf("%v %d [%d,%d] ", float64(i)/8, i, uint8(i), uint8(i+1)))
	}
	for _, shape := range shapes {
		for _, batch := range []int{1, 7, 65536} {
			mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
			dir := t.TempDir()
			save(t, dir, "a."+shape.format, shape.write, a, b)
			s := stageOf(t, shape.format, mem, dir, func(c *Table) { c.Columns, c.Batch = []string{"f", "n", "v"}, batch })
			got := text(t, split(t, s, ""))
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("%s, batch %d: %d rows: %.300q", shape.name, batch, len(got), got)
			}
			mem.AssertSize(t, 0)
		}
	}
}

// TestGlob: files are read in the order of their names, and a split does not
// see where one ends.
func TestGlob(t *testing.T) {
	whole, parts := t.TempDir(), t.TempDir()
	w := shapes[0].write
	save(t, whole, "a.parquet", w, sample(0, 90, 0))
	save(t, parts, "p2.parquet", w, sample(40, 50, 0))
	save(t, parts, "p1.parquet", w, sample(0, 40, 0))
	with := func(path string) func(*Table) {
		return func(c *Table) {
			c.Path, c.Columns, c.Split = path, []string{"n"}, map[string]float64{"b": 0.5, "a": 0.3}
		}
	}
	for _, name := range []string{"", "a", "b"} {
		one := text(t, split(t, stageOf(t, "parquet", nil, whole, with("a.parquet")), name))
		two := text(t, split(t, stageOf(t, "parquet", nil, parts, with("p*.parquet")), name))
		if fmt.Sprint(one) != fmt.Sprint(two) {
			t.Errorf("split %q differs: %v and %v", name, one, two)
		}
	}
}

// TestSplit: every row is in the split that its number says, and splits share
// no row.
func TestSplit(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, "a.parquet", shapes[0].write, sample(0, 400, 3))
	fractions := map[string]float64{"train": 0.6, "test": 0.1, "valid": 0.3}
	key := random.NewKey(7, "data", "split")
	want := map[string][]string{}
	for i := range 400 {
		u, name := key.Uniform(uint64(i), 0), "valid"
		if u < 0.1 {
			name = "test"
		} else if u < 0.1+0.6 {
			name = "train"
		}
		want[name] = append(want[name], fmt.Sprintf("%d ", i))
	}
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	for name := range fractions {
		s := stageOf(t, "parquet", mem, dir, func(c *Table) { c.Columns, c.Split = []string{"n"}, fractions })
		if got := text(t, split(t, s, name)); fmt.Sprint(got) != fmt.Sprint(want[name]) {
			t.Errorf("%s: %v, want %v", name, got, want[name])
		}
		// Dropping rows moves no row to another split.
		s = stageOf(t, "parquet", mem, dir, func(c *Table) { c.Columns, c.Split, c.Nulls = []string{"n", "f"}, fractions, "drop" })
		var kept []string
		for _, w := range want[name] {
			var i int
			if fmt.Sscan(w, &i); i%3 != 0 {
				kept = append(kept, fmt.Sprintf("%d %v ", i, float64(i)/8))
			}
		}
		if got := text(t, split(t, s, name)); fmt.Sprint(got) != fmt.Sprint(kept) {
			t.Errorf("%s without nulls: %v, want %v", name, got, kept)
		}
	}
	mem.AssertSize(t, 0)
}

// TestNulls: nulls are an error that names column and row, or are dropped and
// counted.
func TestNulls(t *testing.T) {
	for _, format := range []string{"parquet", "arrow"} {
		dir := t.TempDir()
		for _, s := range shapes {
			if s.format == format {
				save(t, dir, "a."+format, s.write, sample(1, 50, 0), sample(51, 50, 60))
				break
			}
		}
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		s := stageOf(t, format, mem, dir, func(c *Table) { c.Columns = []string{"n", "f"} })
		err := pipeline.Each(context.Background(), split(t, s, ""), func(arrow.Record) error { return nil })
		var e *schemas.Error
		if !errors.As(err, &e) || e.Reason != schemas.NullValue || !strings.Contains(e.Message, `"f"`) || !strings.Contains(e.Message, "row 59 ") || !strings.Contains(e.Suggestion, "nulls: drop") {
			t.Errorf("%s: %v", format, err)
		}
		var warned []pipeline.Event
		s = stageOf(t, format, mem, dir, func(c *Table) { c.Columns, c.Nulls = []string{"n", "f"}, "drop" })
		s.env.Emit = func(e pipeline.Event) { warned = append(warned, e) }
		out, err := s.Run(context.Background(), nil)
		if err != nil || out.Summary["dropped_rows"] != int64(1) || len(warned) != 1 || warned[0].Type != pipeline.StageWarning {
			t.Errorf("%s: %v %v %v", format, out.Summary, warned, err)
		}
		if n := len(text(t, out.Rows[""])); n != 99 {
			t.Errorf("%s: %d rows", format, n)
		}
		s = stageOf(t, format, mem, dir, func(c *Table) { c.Columns = []string{"n"} })
		if n := len(text(t, split(t, s, ""))); n != 100 {
			t.Errorf("%s: a null in a column that is not used counts: %d rows", format, n)
		}
		mem.AssertSize(t, 0)
	}
}

// TestCheck: what is wrong is found before anything is read, with reason,
// place and advice.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	a := save(t, dir, "a.parquet", shapes[0].write, sample(0, 20, 0))
	save(t, dir, "a.arrow", writeFile(), sample(0, 20, 0))
	other := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int32}}, nil), []arrow.Array{sample(0, 3, 0).Column(1)}, 3)
	save(t, dir, "b.parquet", shapes[0].write, other)
	whole, _ := os.ReadFile(a)
	os.WriteFile(filepath.Join(dir, "cut.parquet"), whole[:len(whole)-20], 0o666)
	os.Mkdir(filepath.Join(dir, "folder"), 0o777)
	for _, c := range []struct {
		change func(*Table)
		reason schemas.Reason
		at     string
		say    string
	}{
		{func(c *Table) { c.Path = "aa.parquet" }, schemas.FileNotFound, "path", `"a.parquet"`},
		{func(c *Table) { c.Path = "nowhere/a.parquet" }, schemas.FileNotFound, "path", "does not exist"},
		{func(c *Table) { c.Path = "z*.parquet" }, schemas.FileNotFound, "path", ""},
		{func(c *Table) { c.Path = "[" }, schemas.UnknownValue, "path", ""},
		{func(c *Table) { c.Path = "folder" }, schemas.FileAccess, "path", "folder"},
		{func(c *Table) { c.Path = "cut.parquet" }, schemas.CorruptFile, "path", "cut"},
		{func(c *Table) { c.Path = "a.arrow" }, schemas.CorruptFile, "path", "not a Parquet file"},
		{func(c *Table) { c.Path, c.Columns = "[ab].parquet", []string{"n"} }, schemas.ColumnType, "path", "b.parquet"},
		{func(c *Table) { c.Columns = []string{"f", "m"} }, schemas.UnknownColumn, "columns[1]", ""},
		{func(c *Table) { c.Columns = []string{"f", "whem"} }, schemas.UnknownColumn, "columns[1]", `did you mean "when"`},
		{func(c *Table) { c.Columns = []string{"text"} }, schemas.ColumnType, "columns[0]", `"text"`},
		{func(c *Table) {}, schemas.ColumnType, "path", "list the columns"},
		{func(c *Table) { c.Columns = []string{"n", "when"} }, schemas.ColumnType, "columns[1]", "timestamps: number"},
	} {
		s := stageOf(t, "parquet", nil, dir, c.change)
		_, err := s.Check(context.Background(), nil)
		var e *schemas.Error
		if !errors.As(err, &e) || e.Reason != c.reason || e.Path != c.at || !strings.Contains(e.Error(), c.say) {
			t.Errorf("want %s at %s saying %q, got %#v", c.reason, c.at, c.say, err)
		}
	}
	s := stageOf(t, "parquet", nil, dir, func(c *Table) { c.Columns, c.Timestamps = []string{"n", "when"}, "number" })
	if out, err := s.Check(context.Background(), nil); err != nil || out.Rows[""].Count() != 20 {
		t.Errorf("%v %v", out, err)
	}
	for _, c := range []Table{
		{Split: map[string]float64{"a": 0.5, "b": 0.6}}, {Split: map[string]float64{"a": 0}}, {Split: map[string]float64{"a": -1}},
		{Split: map[string]float64{"A": 0.5}}, {Split: map[string]float64{"1": 0.5}}, {Columns: []string{"x", "x"}},
	} {
		if c.Validate() == nil {
			t.Errorf("%+v is valid", c)
		}
	}
	if err := (Table{Split: map[string]float64{"a": 0.7, "b": 0.1, "c": 0.2}}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestFingerprint(t *testing.T) {
	dir := t.TempDir()
	path := save(t, dir, "a.parquet", shapes[0].write, sample(0, 20, 0))
	s := stageOf(t, "parquet", nil, dir, func(*Table) {})
	var _ pipeline.Fingerprinter = s
	one, err := s.Fingerprint(context.Background())
	if err != nil || len(one) != 64 {
		t.Fatal(one, err)
	}
	b, _ := os.ReadFile(path)
	b[len(b)/2] ^= 1
	os.WriteFile(path, b, 0o666)
	if two, _ := s.Fingerprint(context.Background()); one == two {
		t.Error("another file has the same fingerprint")
	}
}

// TestClose: a stream that is closed early holds nothing, and says so.
func TestClose(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, "a.parquet", shapes[0].write, sample(0, 100, 0))
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	s := stageOf(t, "parquet", mem, dir, func(c *Table) { c.Columns, c.Batch = []string{"n"}, 10 })
	g, _ := newGenerate(pipeline.Env{Seed: 1, Alloc: mem}, Generate{Name: "moons", Rows: 100})
	for _, rows := range []pipeline.Rows{split(t, s, ""), split(t, g, "")} {
		stream, err := rows.Open(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		rec, err := stream.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		rec.Release()
		for range 2 {
			if err := stream.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err := stream.Next(context.Background()); err == nil || err == io.EOF {
			t.Errorf("after Close: %v", err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		stream, _ = rows.Open(context.Background())
		if _, err := stream.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		stream.Close()
	}
	mem.AssertSize(t, 0)
}

// TestGenerate: splits part the rows of the whole.
func TestGenerate(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	s, err := newGenerate(pipeline.Env{Stage: "data", Seed: 7, Alloc: mem}, Generate{Name: "moons", Rows: 40_000, Split: map[string]float64{"a": 0.25, "b": 0.75}})
	if err != nil {
		t.Fatal(err)
	}
	all, a, b := text(t, split(t, s, "")), text(t, split(t, s, "a")), text(t, split(t, s, "b"))
	if len(all) != 40_000 || len(a)+len(b) != len(all) || len(a) < 9500 || len(a) > 10500 {
		t.Fatalf("%d = %d + %d rows", len(all), len(a), len(b))
	}
	i, j := 0, 0
	for _, row := range all {
		switch {
		case i < len(a) && a[i] == row:
			i++
		case j < len(b) && b[j] == row:
			j++
		default:
			t.Fatal("a row is in no split, or out of order")
		}
	}
	mem.AssertSize(t, 0)
}

func TestRegister(t *testing.T) {
	r := pipeline.NewRegistry()
	Register(r)
	if n := len(r.Implementations(Kind)); n != 3 {
		t.Errorf("%d loaders", n)
	}
}
