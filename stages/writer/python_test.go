package writer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/stages/writer"
)

// pyColumn is a column as testdata/read.py tells it.
type pyColumn struct {
	Name   string   `json:"name"`
	Type   string   `json:"type"`
	Values []string `json:"values"`
}

// python runs testdata/read.py.
func python(t *testing.T, args ...string) (columns []pyColumn, metadata map[string]string) {
	t.Helper()
	name := os.Getenv("PATHLINE_PYTHON")
	if name == "" {
		t.Skip("PATHLINE_PYTHON is not set: it names a python with pyarrow; `task unit` sets it")
	}
	out, err := exec.Command(name, append([]string{filepath.Join("testdata", "read.py")}, args...)...).Output()
	if err != nil {
		var e *exec.ExitError
		if errors.As(err, &e) {
			err = fmt.Errorf("%w: %s", err, e.Stderr)
		}
		t.Fatal(err)
	}
	var all struct {
		Columns  []pyColumn        `json:"columns"`
		Metadata map[string]string `json:"metadata"`
	}
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatal(err)
	}
	return all.Columns, all.Metadata
}

// inPython is a type in the words of pyarrow. Parquet has neither seconds nor
// dates in milliseconds: pyarrow gives the next type that is stored, and unit
// is how many of it make one of ours.
func inPython(t arrow.DataType, parquet bool) (name string, unit, divisor int64) {
	if list, ok := t.(*arrow.FixedSizeListType); ok {
		name, unit, divisor = inPython(list.Elem(), parquet)
		child := list.ElemField().Name
		if parquet {
			child = "element" // as Parquet's rules for lists have it
		}
		return fmt.Sprintf("fixed_size_list<%s: %s>[%d]", child, name, list.Len()), unit, divisor
	}
	switch t.ID() {
	case arrow.FLOAT16:
		return "halffloat", 1, 1
	case arrow.FLOAT32:
		return "float", 1, 1
	case arrow.FLOAT64:
		return "double", 1, 1
	case arrow.DATE32:
		return "date32[day]", 1, 1
	case arrow.STRING:
		return "string", 1, 1
	case arrow.DATE64:
		if parquet {
			return "date32[day]", 1, 86_400_000
		}
		return "date64[ms]", 1, 1
	case arrow.TIMESTAMP, arrow.TIME32:
		if s := t.String(); parquet && strings.Contains(s, "[s") {
			return strings.Replace(s, "[s", "[ms", 1), 1000, 1
		}
	}
	return t.String(), 1, 1
}

// inWords gives values as read.py does.
func inWords(arr arrow.Array, unit, divisor int64) []string {
	out := make([]string, arr.Len())
	count := func(v int64) string { return fmt.Sprint(v * unit / divisor) }
	float := func(v float64) string {
		if v != v {
			return "nan"
		}
		return fmt.Sprintf("%016x", math.Float64bits(v))
	}
	for i := range out {
		if arr.IsNull(i) {
			out[i] = "null"
			continue
		}
		switch a := arr.(type) {
		case *array.FixedSizeList:
			n := int(a.DataType().(*arrow.FixedSizeListType).Len())
			part := array.NewSlice(a.ListValues(), int64((a.Offset()+i)*n), int64((a.Offset()+i+1)*n))
			out[i] = "[" + strings.Join(inWords(part, unit, divisor), " ") + "]"
			part.Release()
		case *array.Float16:
			out[i] = float(float64(a.Value(i).Float32()))
		case *array.Float32:
			out[i] = float(float64(a.Value(i)))
		case *array.Float64:
			out[i] = float(a.Value(i))
		case *array.Date32:
			out[i] = count(int64(a.Value(i)))
		case *array.Date64:
			out[i] = count(int64(a.Value(i)))
		case *array.Time32:
			out[i] = count(int64(a.Value(i)))
		case *array.Time64:
			out[i] = count(int64(a.Value(i)))
		case *array.Timestamp:
			out[i] = count(int64(a.Value(i)))
		case *array.Duration:
			out[i] = count(int64(a.Value(i)))
		case *array.Boolean:
			out[i] = map[bool]string{true: "True", false: "False"}[a.Value(i)]
		default:
			out[i] = a.ValueStr(i)
		}
	}
	return out
}

// TestPython: pyarrow reads the same types, values and metadata from a file
// as were written; vectors are fixed-size lists there too.
func TestPython(t *testing.T) {
	for _, format := range []string{"parquet", "arrow"} {
		for _, nulls := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, nulls %v", format, nulls), func(t *testing.T) {
				rec := everything(t, memory.NewGoAllocator(), 61, nulls)
				defer rec.Release()
				rows := cuts(rec, 7, 40)
				defer rows.release()
				w, _ := writer.New(format, nil)
				path := filepath.Join(t.TempDir(), "rows."+format)
				if _, err := w.Write(context.Background(), path, rows); err != nil {
					t.Fatal(err)
				}
				got, metadata := python(t, path)
				if len(got) != int(rec.NumCols()) {
					t.Fatalf("%d columns, want %d", len(got), rec.NumCols())
				}
				for i, g := range got {
					typ, unit, divisor := inPython(rec.Column(i).DataType(), format == "parquet")
					if g.Name != rec.ColumnName(i) || g.Type != typ {
						t.Errorf("column %q has type %s; want %q, %s", g.Name, g.Type, rec.ColumnName(i), typ)
						continue
					}
					if want := inWords(rec.Column(i), unit, divisor); strings.Join(g.Values, "\n") != strings.Join(want, "\n") {
						t.Errorf("column %q: %q, want %q", g.Name, g.Values, want)
					}
				}
				meta := rec.Schema().Metadata()
				for i, k := range meta.Keys() {
					if metadata[k] != meta.Values()[i] {
						t.Errorf("metadata %s: %q, want %q", k, metadata[k], meta.Values()[i])
					}
				}
			})
		}
	}
}

// TestPythonCSV: the numbers of a CSV file are those that were written, to the
// last bit; vectors are columns name_0, name_1 and so on.
func TestPythonCSV(t *testing.T) {
	rec := everything(t, memory.NewGoAllocator(), 61, true)
	defer rec.Release()
	rows := cuts(rec, 7, 40)
	defer rows.release()
	w, _ := writer.New("csv", nil)
	path := filepath.Join(t.TempDir(), "rows.csv")
	if _, err := w.Write(context.Background(), path, rows); err != nil {
		t.Fatal(err)
	}
	types, want := map[string]string{}, map[string][]string{}
	for i, arr := range rec.Columns() {
		name := rec.ColumnName(i)
		add := func(name string, t arrow.DataType, values []string) {
			if arrow.IsInteger(t.ID()) || t.ID() == arrow.FLOAT32 || t.ID() == arrow.FLOAT64 {
				types[name], want[name] = t.String(), values
			}
		}
		list, ok := arr.(*array.FixedSizeList)
		if !ok {
			add(name, arr.DataType(), inWords(arr, 1, 1))
			continue
		}
		elems := inWords(list.ListValues(), 1, 1)
		for j := range 3 {
			var values []string
			for row := range list.Len() {
				if list.IsNull(row) {
					values = append(values, "null")
				} else {
					values = append(values, elems[3*row+j])
				}
			}
			add(fmt.Sprintf("%s_%d", name, j), list.ListValues().DataType(), values)
		}
	}
	asked, _ := json.Marshal(types)
	got, _ := python(t, path, string(asked))
	if len(got) != len(want) || len(got) < 30 {
		t.Fatalf("%d columns, want %d", len(got), len(want))
	}
	for _, g := range got {
		if strings.Join(g.Values, "\n") != strings.Join(want[g.Name], "\n") {
			t.Errorf("column %q: %q, want %q", g.Name, g.Values, want[g.Name])
		}
	}
}
