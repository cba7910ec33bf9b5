package trainer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"testing"
)

// pieces is a table that is read size rows at a time at most.
func pieces(x []float32, dim, size int) Table {
	return func(context.Context) (Reader, error) { return &pieceReader{x: x, dim: dim, size: size}, nil }
}

type pieceReader struct {
	x         []float32
	dim, size int
}

func (p *pieceReader) Read(_ context.Context, x []float32) (int, error) {
	n := 0
	for len(x) > 0 && len(p.x) > 0 {
		m := min(p.size*p.dim, len(x), len(p.x))
		copy(x, p.x[:m])
		x, p.x, n = x[m:], p.x[m:], n+m/p.dim
	}
	if len(x) > 0 {
		return n, io.EOF
	}
	return n, nil
}

func (p *pieceReader) Close() error { return nil }

// numbered is a table whose row i is (i, -i).
func numbered(rows int) []float32 {
	x := make([]float32, 2*rows)
	for i := range rows {
		x[2*i], x[2*i+1] = float32(i), float32(-i)
	}
	return x
}

func TestEveryRowOncePerPass(t *testing.T) {
	key := NewKeys(1, "s").Shuffle
	ctx := context.Background()
	for _, n := range []int{1, 2, 10, 97} {
		x := numbered(n)
		large := NewMemory(x, 2, key)
		large.large = true
		sources := map[string]Rows{"memory": NewMemory(x, 2, key), "large memory": large}
		for _, w := range []int64{1, 2, 10, 50, 200} {
			sources[fmt.Sprint("window ", w)] = NewWindow(pieces(x, 2, 3), 2, w, key)
		}
		for name, rows := range sources {
			var first []int64
			for pass := range 3 {
				if at := rows.Cursor(); at != (Cursor{Pass: int64(pass)}) {
					t.Fatalf("%s of %d: pass %d begins at %+v", name, n, pass, at)
				}
				got, number := make([]float32, 2*n), make([]int64, n)
				for lo := 0; lo < n; lo += 7 { // in batches
					hi := min(lo+7, n)
					if err := rows.Next(ctx, got[2*lo:2*hi], number[lo:hi]); err != nil {
						t.Fatal(err)
					}
				}
				for i, r := range number {
					if got[2*i] != float32(r) || got[2*i+1] != float32(-r) {
						t.Fatalf("%s of %d: number %d is not of row %v", name, n, r, got[2*i])
					}
				}
				order := slices.Clone(number)
				slices.Sort(number)
				for i, r := range number {
					if r != int64(i) {
						t.Fatalf("%s of %d, pass %d: rows %v", name, n, pass, number)
					}
				}
				if pass == 0 {
					first = order
				} else if n > 9 && name != "window 1" && slices.Equal(first, order) {
					t.Errorf("%s of %d: pass %d has the order of the first", name, n, pass)
				}
			}
			if err := rows.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestWindowDependsOnSizeAlone(t *testing.T) {
	key := NewKeys(1, "s").Shuffle
	ctx := context.Background()
	x := numbered(100)
	take := func(w *Window, n int) []int64 {
		number := make([]int64, n)
		if err := w.Next(ctx, make([]float32, 2*n), number); err != nil {
			t.Fatal(err)
		}
		return number
	}
	want := take(NewWindow(pieces(x, 2, 1), 2, 20, key), 250)
	for _, size := range []int{3, 64, 1000} {
		if !slices.Equal(take(NewWindow(pieces(x, 2, size), 2, 20, key), 250), want) {
			t.Errorf("batches of %d rows change the order", size)
		}
	}
	if slices.Equal(take(NewWindow(pieces(x, 2, 1), 2, 21, key), 250), want) {
		t.Error("the size of the window changes nothing")
	}
	// A row leaves at most a window before it came in, and about a window after.
	var moved float64
	for i, r := range want[:100] {
		if r >= int64(i+20) {
			t.Fatalf("row %d comes at place %d out of a window of 20", r, i)
		}
		moved += math.Abs(float64(r-int64(i))) / 100
	}
	if moved < 8 {
		t.Errorf("rows move %v places on average", moved)
	}
}

func TestSeek(t *testing.T) {
	key := NewKeys(1, "s").Shuffle
	ctx := context.Background()
	x := numbered(50)
	sources := map[string]func() Rows{
		"memory": func() Rows { return NewMemory(x, 2, key) },
		"large memory": func() Rows {
			m := NewMemory(x, 2, key)
			m.large = true
			return m
		},
		"window": func() Rows { return NewWindow(pieces(x, 2, 7), 2, 20, key) },
	}
	for name, open := range sources {
		rows := open()
		for range 40 {
			at := rows.Cursor()
			want, got := make([]int64, 9), make([]int64, 9)
			if err := rows.Next(ctx, make([]float32, 18), want); err != nil {
				t.Fatal(err)
			}
			again := open()
			if err := again.Seek(ctx, at); err != nil {
				t.Fatal(err)
			}
			if again.Cursor() != at {
				t.Fatalf("%s: at %+v after Seek to %+v", name, again.Cursor(), at)
			}
			if err := again.Next(ctx, make([]float32, 18), got); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%s: at %+v come %v, not %v", name, at, got, want)
			}
			again.Close()
		}
		for _, c := range []Cursor{{Pass: -1}, {Place: -1}, {Place: 51}} {
			if err := rows.Seek(ctx, c); !errors.Is(err, errOutside) {
				t.Errorf("%s: Seek to %+v: %v", name, c, err)
			}
		}
		rows.Close()
	}
}

func TestLoad(t *testing.T) {
	ctx := context.Background()
	x := numbered(50)
	for _, c := range []struct {
		limit    int64
		countAll bool
		held     bool
		count    int64
	}{{50, false, true, 50}, {51, true, true, 50}, {49, false, false, -1}, {49, true, false, 50}, {0, true, false, 50}} {
		got, count, err := Load(ctx, pieces(x, 2, 7), 2, c.limit, 0, c.countAll)
		if err != nil || count != c.count || (got != nil) != c.held || c.held && !slices.Equal(got, x) {
			t.Errorf("%+v: %d rows held, count %d, %v", c, len(got)/2, count, err)
		}
	}
}

func TestSampleIsUniform(t *testing.T) {
	ctx := context.Background()
	x := numbered(40)
	var drawn [40]int
	for seed := range uint64(2000) {
		key := NewKeys(seed, "s").Validation
		got, number, err := Sample(ctx, pieces(x, 2, 3), 2, 10, key)
		if err != nil || len(number) != 10 || !slices.IsSorted(number) {
			t.Fatal(number, err)
		}
		for i, r := range number {
			if got[2*i] != float32(r) {
				t.Fatalf("number %d is not of row %v", r, got[2*i])
			}
			drawn[r]++
		}
	}
	for r, n := range drawn { // binomial(2000, 1/4): five standard deviations
		if math.Abs(float64(n)-500) > 5*math.Sqrt(2000*0.25*0.75) {
			t.Errorf("row %d was drawn %d times of 2000, not about 500", r, n)
		}
	}
	if _, number, _ := Sample(ctx, pieces(x, 2, 3), 2, 100, 1); len(number) != 40 {
		t.Errorf("a sample larger than the table has %d rows", len(number))
	}
}

func TestEmptyTable(t *testing.T) {
	w := NewWindow(pieces(nil, 2, 1), 2, 5, 1)
	if err := w.Next(context.Background(), make([]float32, 2), make([]int64, 1)); !errors.Is(err, ErrNoRows) {
		t.Error(err)
	}
}
