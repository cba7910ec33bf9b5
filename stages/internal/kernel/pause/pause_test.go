package pause

import "testing"

func TestSpinEnds(t *testing.T) {
	for _, times := range []int{-1, 0, 1, 1000} {
		Spin(times)
	}
}

func BenchmarkSpin(b *testing.B) {
	for range b.N {
		Spin(1)
	}
}
