package loader

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// foreign are the files that other programs wrote, by format; see
// parquetfile/testdata/make.py.
var foreign = map[string]string{"parquet": "parquetfile/testdata", "arrow": "arrowfile/testdata"}

// expectation is what is to be read from a file: the columns of numbers, and
// the names of the others.
type expectation struct {
	Rows    int64 `json:"rows"`
	Columns map[string]struct {
		Type   string `json:"type"`
		Width  int    `json:"width"`
		Values []any  `json:"values"` // texts, null, and lists of texts and null
		Repeat int    `json:"repeat"` // how often all values come
	} `json:"columns"`
	Others []string `json:"others"`
}

func forForeign(t *testing.T, f func(t *testing.T, format, path string, want expectation)) {
	for format, dir := range foreign {
		b, err := os.ReadFile(filepath.Join(dir, "expected.json"))
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]expectation
		if err := json.Unmarshal(b, &all); err != nil {
			t.Fatal(err)
		}
		for _, want := range all {
			for name, c := range want.Columns {
				c.Values = slices.Repeat(c.Values, c.Repeat)
				want.Columns[name] = c
			}
		}
		files, _ := filepath.Glob(filepath.Join(dir, "*."+format+"*"))
		if len(files) != len(all) || len(files) < 20 {
			t.Errorf("%s: %d files, %d expectations", dir, len(files), len(all))
		}
		for name, want := range all {
			t.Run(name, func(t *testing.T) { f(t, format, filepath.Join(dir, name), want) })
		}
	}
}

// valuesOf gives values as expectations have them, but floats as numbers.
func valuesOf(arr arrow.Array) []any {
	out := make([]any, arr.Len())
	if list, ok := arr.(*array.FixedSizeList); ok {
		elems := valuesOf(list.ListValues())
		w := int(list.DataType().(*arrow.FixedSizeListType).Len())
		for i := range out {
			if list.IsValid(i) {
				out[i] = elems[i*w : (i+1)*w]
			}
		}
		return out
	}
	for i := range out {
		if arr.IsNull(i) {
			continue
		}
		switch a := arr.(type) {
		case *array.Float16:
			out[i] = float64(a.Value(i).Float32())
		case *array.Float32:
			out[i] = float64(a.Value(i))
		case *array.Float64:
			out[i] = a.Value(i)
		case *array.Int8:
			out[i] = fmt.Sprint(a.Value(i))
		case *array.Int16:
			out[i] = fmt.Sprint(a.Value(i))
		case *array.Int32:
			out[i] = fmt.Sprint(a.Value(i))
		case *array.Int64:
			out[i] = fmt.Sprint(a.Value(i))
		case *array.Uint8:
			out[i] = fmt.Sprint(a.Value(i))
		case *array.Uint16:
			out[i] = fmt.Sprint(a.Value(i))
		case *array.Uint32:
			out[i] = fmt.Sprint(a.Value(i))
		case *array.Uint64:
			out[i] = fmt.Sprint(a.Value(i))
		case *array.Date32:
			out[i] = strconv.Itoa(int(a.Value(i)))
		case *array.Date64:
			out[i] = strconv.FormatInt(int64(a.Value(i)), 10)
		case *array.Time32:
			out[i] = strconv.Itoa(int(a.Value(i)))
		case *array.Time64:
			out[i] = strconv.FormatInt(int64(a.Value(i)), 10)
		case *array.Timestamp:
			out[i] = strconv.FormatInt(int64(a.Value(i)), 10)
		case *array.Duration:
			out[i] = strconv.FormatInt(int64(a.Value(i)), 10)
		default:
			panic(fmt.Sprintf("%T", arr))
		}
	}
	return out
}

// alike compares a value with what was expected; floats to the bit.
func alike(got, want any) bool {
	switch got := got.(type) {
	case float64:
		s, ok := want.(string)
		v, err := strconv.ParseFloat(s, 64)
		return ok && err == nil && (math.Float64bits(got) == math.Float64bits(v) || got != got && v != v)
	case []any:
		w, ok := want.([]any)
		return ok && slices.EqualFunc(got, w, alike)
	}
	return got == want
}

// TestForeignValues: columns of numbers of foreign files have the types and
// values that their own programs give, whatever the length of windows.
func TestForeignValues(t *testing.T) {
	forForeign(t, func(t *testing.T, format, path string, want expectation) {
		for _, rows := range []int64{1 << 20, 8} {
			file, err := open(format, path)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if file.NumRows() != want.Rows {
				t.Fatalf("%d rows, want %d", file.NumRows(), want.Rows)
			}
			if n := file.Schema().NumFields(); n != len(want.Columns)+len(want.Others) {
				t.Errorf("%d columns, want %d", n, len(want.Columns)+len(want.Others))
			}
			for name, column := range want.Columns {
				place := file.Schema().FieldIndices(name)
				if len(place) != 1 {
					t.Errorf("column %q is there %d times", name, len(place))
					continue
				}
				typ := file.Schema().Field(place[0]).Type
				width := 0
				if list, ok := typ.(*arrow.FixedSizeListType); ok {
					typ, width = list.Elem(), int(list.Len())
				}
				if typ.String() != column.Type || width != column.Width {
					t.Errorf("column %q has type %s, width %d; want %s, %d", name, typ, width, column.Type, column.Width)
					continue
				}
				r, err := file.newReader(place, rows, memory.NewGoAllocator())
				if err != nil {
					t.Errorf("column %q: %v", name, err)
					continue
				}
				defer r.Close()
				at := 0
				for {
					rec, err := r.Next()
					if err == io.EOF {
						break
					}
					if err != nil {
						t.Errorf("row %d: %v", at, err)
						break
					}
					for _, v := range valuesOf(rec.Column(0)) {
						if at >= len(column.Values) || !alike(v, column.Values[at]) {
							t.Fatalf("column %q, row %d of %d: %v, want %v", name, at, len(column.Values), v, column.Values[min(at, len(column.Values)-1)])
						}
						at++
					}
					rec.Release()
				}
				if at != len(column.Values) {
					t.Errorf("column %q: %d values, want %d", name, at, len(column.Values))
				}
			}
		}
	})
}

// TestForeignStage: the stage reads all columns of numbers of a foreign file
// at once, and says which columns it cannot use.
func TestForeignStage(t *testing.T) {
	forForeign(t, func(t *testing.T, format, path string, want expectation) {
		check := func(columns ...string) (map[string]pipeline.Rows, error) {
			out, err := stageOf(t, format, memory.NewGoAllocator(), ".", func(c *Table) {
				c.Path, c.Columns, c.Timestamps, c.Nulls = path, columns, "number", "drop"
			}).Check(context.Background(), pipeline.Inputs{})
			return out.Rows, err
		}
		for _, name := range want.Others {
			_, err := check(name)
			var e *schemas.Error
			if !errors.As(err, &e) || e.Reason != schemas.ColumnType || e.Suggestion == "" {
				t.Errorf("column %q: %v", name, err)
			}
		}
		if len(want.Columns) == 0 {
			return
		}
		var names []string
		for name := range want.Columns {
			names = append(names, name)
		}
		rows, err := check(names...)
		if err != nil {
			t.Fatal(err)
		}
		whole := int64(0) // rows without a null
		for i := range want.Rows {
			null := false
			for _, c := range want.Columns {
				list, _ := c.Values[i].([]any)
				null = null || c.Values[i] == nil || slices.Contains(list, nil)
			}
			if !null {
				whole++
			}
		}
		for _, r := range rows {
			s, err := r.Open(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			n := int64(0)
			for {
				rec, err := s.Next(context.Background())
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				n += rec.NumRows()
				rec.Release()
			}
			if n != whole {
				t.Errorf("%d rows without nulls, want %d", n, whole)
			}
		}
	})
}
