package loader

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/pathline/pathline/pipeline"
)

const (
	soakRows  = 3_000_000
	soakMost  = 300 << 20 // bytes by which a reader may grow
	soakChild = "PATHLINE_SOAK_FILE"
)

// TestSoakMemory: a row group or record batch of three million rows, with
// columns of text beside the chosen ones, is read in bounded memory. The
// reader is a process of its own, so that its peak is nobody else's.
func TestSoakMemory(t *testing.T) {
	if name := os.Getenv(soakChild); name != "" {
		soakRead(t, name)
		return
	}
	if testing.Short() || os.Getenv("PATHLINE_SOAK") != "1" {
		t.Skip("PATHLINE_SOAK=1 runs it: a file of some hundred megabytes")
	}
	if _, err := memoryOf("VmHWM"); err != nil {
		t.Skip("the peak of a process's memory is not told here: ", err)
	}
	for format, write := range map[string]func(*testing.T, *os.File){"parquet": soakParquet, "arrow": soakArrow} {
		t.Run(format, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "large."+format)
			f, err := os.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			write(t, f)
			f.Close()
			child := exec.Command(os.Args[0], "-test.run", "^TestSoakMemory$", "-test.v")
			child.Env = append(os.Environ(), soakChild+"="+name)
			out, err := child.CombinedOutput()
			t.Logf("%s", out)
			if err != nil || !strings.Contains(string(out), "grew by") {
				t.Fatal("the reader failed: ", err)
			}
		})
	}
}

func soakRead(t *testing.T, name string) {
	before, err := memoryOf("VmRSS")
	if err != nil {
		t.Fatal(err)
	}
	s := stageOf(t, strings.TrimPrefix(filepath.Ext(name), "."), memory.NewGoAllocator(), ".", func(c *Table) {
		c.Path, c.Columns = name, []string{"n", "f"}
		c.Split = map[string]float64{"train": 0.9, "test": 0.1}
	})
	out, err := s.Run(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	rows, sum := 0, int64(0)
	for _, name := range []string{"train", "test"} {
		r := out.Rows[name]
		if r == nil {
			t.Fatalf("no rows %q", name)
		}
		err := pipeline.Each(context.Background(), r, func(rec arrow.Record) error {
			rows += int(rec.NumRows())
			for i, v := range rec.Column(0).(*array.Int32).Int32Values() {
				sum += int64(v)
				if rec.Column(1).(*array.Float64).Value(i) != float64(v)/8 {
					return fmt.Errorf("row %d has another f", v)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if rows != soakRows || sum != soakRows*(soakRows-1)/2 {
		t.Fatalf("%d rows with the sum %d", rows, sum)
	}
	after, err := memoryOf("VmHWM")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("memory grew by %d MiB", (after-before)>>20)
	if after-before > soakMost {
		t.Errorf("that is more than %d MiB", soakMost>>20)
	}
}

// memoryOf is a number of bytes of /proc/self/status.
func memoryOf(key string) (int64, error) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for _, line := range strings.Split(string(b), "\n") {
		if f := strings.Fields(line); len(f) == 3 && f[0] == key+":" {
			n, err := strconv.ParseInt(f[1], 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("no %s", key)
}

// soakBatch are rows first .. first+n-1; no two texts are the same.
func soakBatch(first, n int) arrow.Record {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "n", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
		{Name: "more", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "f", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.NewGoAllocator(), schema)
	defer b.Release()
	for i := first; i < first+n; i++ {
		b.Field(0).(*array.StringBuilder).Append(fmt.Sprintf("the text of row %d", i))
		b.Field(1).(*array.Int32Builder).Append(int32(i))
		b.Field(2).(*array.StringBuilder).Append(fmt.Sprintf("%040x", i*i))
		b.Field(3).(*array.Float64Builder).Append(float64(i) / 8)
	}
	return b.NewRecord()
}

func soakParquet(t *testing.T, f *os.File) {
	const step = 100_000
	props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Snappy), parquet.WithMaxRowGroupLength(soakRows))
	var w *pqarrow.FileWriter
	for i := 0; i < soakRows; i += step {
		rec := soakBatch(i, step)
		var err error
		if w == nil {
			if w, err = pqarrow.NewFileWriter(rec.Schema(), struct{ *os.File }{f}, props, pqarrow.DefaultWriterProps()); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.WriteBuffered(rec); err != nil {
			t.Fatal(err)
		}
		rec.Release()
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := file.OpenParquetFile(f.Name(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.NumRowGroups() != 1 {
		t.Fatalf("the file has %d row groups, want one large one", r.NumRowGroups())
	}
}

func soakArrow(t *testing.T, f *os.File) {
	rec := soakBatch(0, soakRows)
	defer rec.Release()
	w, err := ipc.NewFileWriter(f, ipc.WithSchema(rec.Schema()), ipc.WithZstd())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(rec); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
