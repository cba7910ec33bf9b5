package matrix_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"github.com/pathline/pathline/stages/internal/kernel/matrix"
)

// measure reports the best rate of f, and its share of the best rate of fused
// multiply-adds. The two take turns, so that both meet the same clock and the
// same neighbours.
func measure(b *testing.B, flops float64, f func()) {
	calls := max(1, int(5e6/flops))
	var best, peak float64
	for b.Loop() {
		begin := time.Now()
		for range calls {
			f()
		}
		best = max(best, flops*float64(calls)/float64(time.Since(begin)))
		begin = time.Now()
		work := matrix.PeakFMA(4000)
		peak = max(peak, work/float64(time.Since(begin)))
	}
	b.ReportMetric(best, "GFLOP/s")
	b.ReportMetric(100*best/peak, "peak%")
	b.ReportMetric(flops/best, "ns/call")
	b.ReportMetric(0, "ns/op") // of both together
}

// lines is a matrix of normals that begins on a cache line.
func lines(r *rand.Rand, rows, columns int) []float32 {
	room := make([]float32, rows*columns+15)
	for uintptr(unsafe.Pointer(&room[0]))%64 != 0 {
		room = room[1:]
	}
	for i := range room {
		room[i] = float32(r.NormFloat64())
	}
	return room[:rows*columns]
}

// Shapes are m x n x k: tiles of rows through layers that are 64, 128 and 512
// wide, first layers (k = 3, 21, 85), last layers (n = 2, 8, 21), and tiles
// that run empty.
func BenchmarkMultiply(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, s := range [][3]int{
		{4096, 512, 512}, {512, 128, 128},
		{16, 64, 64}, {64, 64, 64}, {256, 64, 64}, {16, 128, 128}, {64, 128, 128}, {256, 128, 128},
		{16, 512, 512}, {64, 512, 512}, {128, 64, 3}, {128, 512, 3}, {128, 64, 21}, {128, 512, 85},
		{128, 2, 64}, {128, 8, 64}, {128, 21, 64}, {128, 2, 512}, {128, 8, 512}, {128, 21, 512},
		{1, 64, 64}, {2, 64, 64}, {3, 64, 64}, {5, 64, 64}, {13, 64, 64},
		{1, 512, 512}, {3, 512, 512}, {13, 512, 512},
		{256, 64, 2}, {256, 512, 21}, {256, 85, 512},
	} {
		m, n, k := s[0], s[1], s[2]
		b.Run(fmt.Sprintf("%dx%dx%d", m, n, k), func(b *testing.B) {
			a, w := lines(r, m, k), lines(r, n, k)
			c, bias := lines(r, m, n), make([]float32, n)
			var p matrix.Packed
			p.PackTransposed(w, k, k, n)
			measure(b, 2*float64(m)*float64(n)*float64(k), func() {
				matrix.Multiply(c, n, a, k, &p, m, bias, false)
			})
		})
	}
}

// Packing is measured as if it were part of the product of 256 rows.
func BenchmarkPackAndMultiply(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, s := range [][3]int{{256, 64, 64}, {512, 128, 128}, {256, 512, 512}, {4096, 512, 512}} {
		m, n, k := s[0], s[1], s[2]
		a, w := lines(r, m, k), lines(r, n, k)
		c := lines(r, m, n)
		var p matrix.Packed
		flops := 2 * float64(m) * float64(n) * float64(k)
		b.Run(fmt.Sprintf("%dx%dx%d/rows", m, n, k), func(b *testing.B) {
			measure(b, flops, func() {
				p.Pack(w, n, k, n)
				matrix.Multiply(c, n, a, k, &p, m, nil, false)
			})
		})
		b.Run(fmt.Sprintf("%dx%dx%d/transposed", m, n, k), func(b *testing.B) {
			measure(b, flops, func() {
				p.PackTransposed(w, k, k, n)
				matrix.Multiply(c, n, a, k, &p, m, nil, false)
			})
		})
	}
}

func BenchmarkPack(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{64, 128, 512} {
		w := lines(r, n, n)
		var p matrix.Packed
		for name, pack := range map[string]func([]float32, int, int, int){
			"rows": p.Pack, "transposed": p.PackTransposed,
		} {
			b.Run(fmt.Sprintf("%dx%d/%s", n, n, name), func(b *testing.B) {
				for b.Loop() {
					pack(w, n, n, n)
				}
				b.SetBytes(int64(8 * n * n)) // read and written
			})
		}
	}
}

// Shapes are m x n x k: gradients of weights [m][n] from k rows.
func BenchmarkAddTransposed(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, s := range [][3]int{
		{64, 64, 64}, {64, 64, 128}, {64, 64, 256}, {128, 128, 64}, {128, 128, 256},
		{512, 512, 128}, {512, 512, 256},
		{64, 3, 256}, {2, 64, 256}, {512, 3, 256}, {512, 85, 256}, {21, 512, 256}, {512, 21, 256},
	} {
		m, n, k := s[0], s[1], s[2]
		b.Run(fmt.Sprintf("%dx%dx%d", m, n, k), func(b *testing.B) {
			x, y := lines(r, k, m), lines(r, k, n)
			c := lines(r, m, n)
			measure(b, 2*float64(m)*float64(n)*float64(k), func() {
				matrix.AddTransposed(c, n, x, m, y, n, m, n, k)
			})
		})
	}
}
