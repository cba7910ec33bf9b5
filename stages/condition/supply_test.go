package condition_test

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/stages/condition"
)

var supplied = condition.Columns{
	{Name: "word", Type: "utf8", Kind: condition.Category, Categories: []string{"a", "b", "c"}},
	{Name: "x", Type: "float64", Kind: condition.Number, Mean: []float64{0}, Std: []float64{1}},
}

// table is batches of some rows of supplied, numbered from 0.
type table []int

func (table) Schema() *arrow.Schema {
	fields, err := supplied.Fields()
	if err != nil {
		panic(err)
	}
	return arrow.NewSchema(fields, nil)
}
func (t table) Count() int64                                  { return -1 }
func (t table) Open(context.Context) (pipeline.Stream, error) { return &reading{table: t}, nil }

type reading struct {
	table
	batch, row int
}

func value(row int) []condition.Value {
	return []condition.Value{{Text: string(rune('a' + row%3))}, {Numbers: []float64{float64(row)}}}
}

func (r *reading) Close() error { return nil }
func (r *reading) Next(context.Context) (arrow.Record, error) {
	if r.batch == len(r.table) {
		return nil, io.EOF
	}
	var values []condition.Value
	for range r.table[r.batch] {
		values = append(values, value(r.row)...)
		r.row++
	}
	arrays, err := supplied.Build(memory.DefaultAllocator, values)
	if err != nil {
		return nil, err
	}
	r.batch++
	return array.NewRecord(r.Schema(), arrays, int64(r.table[r.batch-1])), nil
}

// TestSupply: however many rows are asked for at a time, they are those of the table,
// from the first one again where it ends, and those that were given stay as they are.
func TestSupply(t *testing.T) {
	tab := table{5, 0, 3}
	for _, size := range []int{1, 2, 3, 7, 20} {
		s, err := condition.NewSupply(supplied, nil, tab)
		if err != nil {
			t.Fatal(err)
		}
		in := s.Open(true)
		var given [][]condition.Value
		for total := 0; total < 40; {
			values, n, err := in.Next(t.Context(), size)
			if err != nil || n != size {
				t.Fatalf("%d rows of %d: %v", n, size, err)
			}
			given, total = append(given, values), total+n
		}
		row := 0
		for _, values := range given {
			for i := 0; i < len(values); i += 2 {
				if got, want := fmt.Sprint(values[i:i+2]), fmt.Sprint(value(row%8)); got != want {
					t.Fatalf("row %d, %d at a time: %s, want %s", row, size, got, want)
				}
				row++
			}
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestSupplyCosts: rows that wait are neither moved nor made again for each that is
// taken, and what is written of them is looked up.
func TestSupplyCosts(t *testing.T) {
	s, err := condition.NewSupply(supplied, nil, table{1 << 12})
	if err != nil {
		t.Fatal(err)
	}
	in := s.Open(true)
	defer in.Close()
	if _, _, err := in.Next(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(1000, func() { _, _, _ = in.Next(t.Context(), 1) }); n != 0 {
		t.Errorf("%v allocations for a row that was read", n)
	}
	numbers := condition.Columns{{Name: "n", Type: "float64", Kind: condition.Category}}
	var values []condition.Value
	for i := range 1000 {
		numbers[0].Categories = append(numbers[0].Categories, fmt.Sprint(i))
		values = append(values, condition.Value{Text: fmt.Sprint(i)})
	}
	dst := make([]float32, 1000*1000)
	if err := numbers.Encode(dst, values, 0); err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		if dst[1001*i] != 1 {
			t.Fatalf("category %d is not at its place", i)
		}
	}
}
