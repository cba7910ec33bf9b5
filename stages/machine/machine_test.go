package machine

import (
	"math"
	"testing"
	"time"

	"github.com/pathline/pathline/stages/internal/kernel"
	"github.com/pathline/pathline/stages/random"
)

// A product is the sum over k, for any number of threads to the same bits. An
// element's sum of k terms of size at most one is off by at most k ulp.
func TestProduct(t *testing.T) {
	defer kernel.Use(kernel.Current())
	for level := kernel.Generic; level <= kernel.Best(); level++ {
		kernel.Use(level)
		for _, s := range [][3]int{{1, 1, 1}, {3, 5, 7}, {37, 40, 19}, {130, 200, 190}} {
			m, n, k := s[0], s[1], s[2]
			a, b := uniform(m*k, 0), uniform(k*n, 1)
			var first []float32
			for threads := 1; threads <= 4; threads++ {
				c := make([]float32, m*n)
				p := NewProduct(m, n, k, threads)
				defer p.Close()
				p.Multiply(c, a, b)
				p.Multiply(c, a, b)
				if first == nil {
					first = c
				}
				for i := range m {
					for j := range n {
						want := 0.0
						for l := range k {
							want += float64(a[i*k+l]) * float64(b[l*n+j])
						}
						if got := c[i*n+j]; math.Abs(float64(got)-want) > float64(k)*6e-8*float64(k) || got != first[i*n+j] {
							t.Fatalf("%s %v threads %d: C[%d][%d] = %v, want %v; with one thread %v", level, s, threads, i, j, got, want, first[i*n+j])
						}
					}
				}
			}
		}
	}
}

func uniform(n int, row uint64) []float32 {
	u := make([]float64, n)
	random.NewKey(3, "machine", "test").Uniforms(u, row, 0)
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(2*u[i] - 1)
	}
	return x
}

func TestPeak(t *testing.T) {
	for threads := 1; threads <= 2; threads++ {
		if p := Peak(threads, time.Millisecond); !(p > 0) || math.IsInf(p, 0) {
			t.Errorf("peak of %d threads: %v", threads, p)
		}
	}
	if Instructions() != kernel.Current().String() {
		t.Error("another instruction set")
	}
}
