package vector_test

import (
	"math"
	"math/big"
	"testing"

	"github.com/pathline/pathline/stages/internal/kernel/vector"
)

// TestSums: the sums are those of exact arithmetic up to what float64 may lose,
// and do not depend on where a slice lies or what is behind it.
func TestSums(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := random(3)
		for n := range 300 {
			a, b := finite(&r, n+40), finite(&r, n+40)
			at := r.intn(40)
			a, b = a[at:at+n], b[at:]
			checkSum(t, "Dot", n, vector.Dot(a, b), func(i int) (x, y float32) { return a[i], b[i] })
			checkSum(t, "Sum", n, vector.Sum(a), func(i int) (x, y float32) { return a[i], 1 })
			checkSum(t, "SumSquares", n, vector.SumSquares(a), func(i int) (x, y float32) { return a[i], a[i] })
			c, d := append([]float32(nil), a...), append([]float32(nil), b[:n]...)
			if vector.Dot(c, d) != vector.Dot(a, b) || vector.Sum(c) != vector.Sum(a) ||
				vector.SumSquares(c) != vector.SumSquares(a) {
				t.Errorf("a sum over %d depends on the place", n)
			}
		}
	})
}

// finite are values whose products stay far from overflow.
func finite(r *random, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(math.Ldexp(float64(r.next()>>40)/(1<<23)-1, r.intn(60)-30))
	}
	return x
}

func checkSum(t *testing.T, name string, n int, got float64, term func(i int) (x, y float32)) {
	t.Helper()
	sum, size := new(big.Float).SetPrec(300), 0.0
	for i := range n {
		x, y := term(i)
		p := new(big.Float).SetPrec(300).SetFloat64(float64(x))
		sum.Add(sum, p.Mul(p, new(big.Float).SetFloat64(float64(y))))
		size += math.Abs(float64(x) * float64(y))
	}
	want, _ := sum.Float64()
	// n additions, each with half a unit in the last place (Higham 2002, 4.2).
	if bound := float64(n) * 0x1p-53 * size; math.Abs(got-want) > bound {
		t.Errorf("%s of %d is %g, want %g within %g", name, n, got, want, bound)
	}
}

// shapes of matrices: rows, columns, distance between rows.
func shapes(r *random) (out [][3]int) {
	for n := range 68 {
		out = append(out, [3]int{1 + r.intn(5), n, n + r.intn(3)})
	}
	return append(out, [3]int{0, 5, 5}, [3]int{1, 200, 200}, [3]int{40, 129, 160}, [3]int{3, 1000, 1001})
}

// TestRows: a row's sum is Sum or Dot of the row alone, rounded; rows may share
// one operand; nothing else is written.
func TestRows(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := random(4)
		for _, s := range shapes(&r) {
			rows, n, ld := s[0], s[1], s[2]
			a, b := finite(&r, rows*ld+n), finite(&r, rows*ld+n)
			sums, dots, shared := make([]float32, rows+1), make([]float32, rows+1), make([]float32, rows+1)
			vector.RowSums(sums, a, ld, rows, n)
			vector.RowDots(dots, a, ld, b, ld, rows, n)
			vector.RowDots(shared, a, ld, b, 0, rows, n)
			for i := range rows {
				row := a[i*ld:][:n]
				if want := float32(vector.Sum(row)); sums[i] != want {
					t.Errorf("RowSums of %v: row %d is %g, want %g", s, i, sums[i], want)
				}
				if want := float32(vector.Dot(row, b[i*ld:])); dots[i] != want {
					t.Errorf("RowDots of %v: row %d is %g, want %g", s, i, dots[i], want)
				}
				if want := float32(vector.Dot(row, b)); shared[i] != want {
					t.Errorf("RowDots of %v with one row: row %d is %g, want %g", s, i, shared[i], want)
				}
			}
			if sums[rows] != 0 || dots[rows] != 0 || shared[rows] != 0 {
				t.Errorf("%v: wrote behind the rows", s)
			}
		}
	})
}

// TestAddColumns: the bits are those of additions row after row.
func TestAddColumns(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := random(5)
		for _, s := range shapes(&r) {
			rows, n, ld := s[0], s[1], s[2]
			x, start := finite(&r, rows*ld+n), finite(&r, n+1)
			want := append([]float32(nil), start...)
			for i := range rows {
				for j := range n {
					want[j] += x[i*ld+j]
				}
			}
			got := append([]float32(nil), start...)
			vector.AddColumns(got, x, ld, rows, n)
			for j := range want {
				if got[j] != want[j] {
					t.Errorf("AddColumns of %v: column %d is %g, want %g", s, j, got[j], want[j])
					break
				}
			}
		}
	})
}
