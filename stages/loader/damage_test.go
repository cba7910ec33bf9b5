package loader

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/schemas"
)

// readAll opens bytes as a file and reads every column that can be read. It
// gives the number of rows that came.
func readAll(format string, b []byte) (rows int64, err error) {
	f, err := formats[format](bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return 0, err
	}
	var columns []int
	for i := range f.Schema().NumFields() {
		r, err := f.newReader([]int{i}, 64, memory.NewGoAllocator())
		if err == nil {
			r.Close()
			columns = append(columns, i)
		}
	}
	r, err := f.newReader(columns, 64, memory.NewGoAllocator())
	if err != nil {
		return 0, err
	}
	defer r.Close()
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		if rows += rec.NumRows(); rows > 1<<20 {
			rec.Release()
			return rows, nil // a bomb of equal rows is no damage
		}
		look(rec)
		rec.Release()
	}
}

// look touches every value.
func look(rec arrow.Record) {
	for i, c := range rec.Columns() {
		for j := range c.Len() {
			schemas.RowIsNull(c, j)
		}
		if column, err := schemas.ColumnOf(rec.Schema().Field(i)); err == nil && schemas.FirstNull(c) < 0 {
			schemas.Numbers(make([]float64, c.Len()*column.Dims()), rec, []schemas.Column{column})
		}
	}
}

func bytesOf(t testing.TB, write func(io.Writer, ...arrow.Record) error) []byte {
	var b bytes.Buffer
	if err := write(&b, sample(0, 100, 9), sample(100, 31, 0)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestCut: a file that was cut is never taken for a whole one.
func TestCut(t *testing.T) {
	for _, s := range shapes {
		b := bytesOf(t, s.write)
		if n, err := readAll(s.format, b); n != 131 || err != nil {
			t.Fatalf("%s: %d rows, %v", s.name, n, err)
		}
		for n := 0; n < len(b); n += 37 {
			if rows, err := readAll(s.format, b[:n]); err == nil {
				t.Errorf("%s: the first %d of %d bytes give %d rows and no error", s.name, n, len(b), rows)
			}
		}
		for n := len(b) - 20; n < len(b); n++ {
			if _, err := readAll(s.format, b[:n]); err == nil {
				t.Errorf("%s: the first %d of %d bytes give no error", s.name, n, len(b))
			}
		}
	}
}

// TestDamage: changed bytes give rows or an error, never a panic, and take no
// memory that the file does not explain.
func TestDamage(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, s := range shapes {
		b := bytesOf(t, s.write)
		for range 60 {
			c := bytes.Clone(b)
			for range 1 + r.IntN(3) {
				c[r.IntN(len(c))] ^= 1 << r.IntN(8)
			}
			readAll(s.format, c)
		}
		// The end, where the structure is.
		for range 60 {
			c := bytes.Clone(b)
			c[len(c)-1-r.IntN(min(len(c), 1500))] = byte(r.IntN(256))
			readAll(s.format, c)
		}
	}
}

// FuzzParquet: no bytes make the opener or the reader panic.
func FuzzParquet(f *testing.F) { fuzz(f, "parquet") }

// FuzzArrow is the same for IPC files and streams.
func FuzzArrow(f *testing.F) { fuzz(f, "arrow") }

func fuzz(f *testing.F, format string) {
	for _, s := range shapes {
		if s.format == format {
			b := bytesOf(f, s.write)
			f.Add(b)
			f.Add(b[:len(b)/2])
			c := bytes.Clone(b)
			c[len(c)-40] ^= 0x10
			f.Add(c)
		}
	}
	files, err := filepath.Glob(filepath.Join(foreign[format], "*."+format+"*"))
	if err != nil || len(files) == 0 {
		f.Fatal("no files of other programs: ", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(_ *testing.T, b []byte) { readAll(format, b) })
}
