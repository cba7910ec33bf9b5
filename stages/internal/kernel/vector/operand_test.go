package vector_test

import (
	"strings"
	"testing"

	"github.com/pathline/pathline/stages/internal/kernel/vector"
)

// TestMisuse: an operand that is too short panics with a text of the package.
func TestMisuse(t *testing.T) {
	long, short := make([]float32, 8), make([]float32, 7)
	fails := func(name string, f func()) {
		t.Helper()
		defer func() {
			if s, ok := recover().(string); !ok || !strings.HasPrefix(s, "vector: ") {
				t.Errorf("%s with a short operand: %v", name, s)
			}
		}()
		f()
	}
	for _, e := range entries {
		for i := 0; i < e.out+e.in; i++ {
			if i == 0 {
				continue // the destination's length is what counts
			}
			all := make([][]float32, e.out+e.in)
			for j := range all {
				all[j] = long
			}
			all[i] = short
			fails(e.name, func() { e.call(all[:e.out], all[e.out:]) })
		}
	}
	fails("Dot", func() { vector.Dot(long, short) })
	fails("RowSums", func() { vector.RowSums(long, long, 4, 3, 4) })
	fails("RowSums", func() { vector.RowSums(long[:1], long, 4, 2, 4) })
	fails("RowSums", func() { vector.RowSums(long, long, 3, 2, 4) })
	fails("RowDots", func() { vector.RowDots(long, long, 4, short, 4, 2, 4) })
	fails("AddColumns", func() { vector.AddColumns(long, long, 4, 3, 4) })
	fails("AddColumns", func() { vector.AddColumns(long[:3], long, 4, 2, 4) })
	fails("Combine", func() { vector.CombineUniform(long, long, 1, [][]float32{long}, nil) })
	fails("Transpose", func() { vector.Transpose(long, 2, short, 4, 2, 4) })
	fails("Transpose", func() { vector.Transpose(short, 2, long, 4, 2, 4) })
}

// TestAllocations: nothing is allocated.
func TestAllocations(t *testing.T) {
	const n = 37
	x, y := make([]float32, n*n), make([]float32, n*n)
	eachLevel(t, func(t *testing.T) {
		for _, e := range entries {
			all := make([][]float32, e.out+e.in)
			for j := range all {
				all[j] = x[j*n:][:n]
			}
			if a := testing.AllocsPerRun(10, func() { e.call(all[:e.out], all[e.out:]) }); a != 0 {
				t.Errorf("%s allocates %g times", e.name, a)
			}
		}
		a := testing.AllocsPerRun(10, func() {
			sink = vector.Dot(x, y) + vector.Sum(x) + vector.SumSquares(x)
			vector.RowSums(y, x, n, n, n)
			vector.RowDots(y, x, n, x, 0, n, n)
			vector.AddColumns(y, x, n, n, n)
			vector.Transpose(y, n, x, n, n, n)
		})
		if a != 0 {
			t.Errorf("sums and copies allocate %g times", a)
		}
	})
}

var sink float64
