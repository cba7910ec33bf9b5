package vector_test

import (
	"testing"

	"github.com/pathline/pathline/stages/internal/kernel/vector"
)

// TestTranspose: every element arrives, and nothing else is written.
func TestTranspose(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, rows := range []int{0, 1, 2, 7, 8, 9, 15, 16, 17, 24, 33} {
			for _, cols := range []int{0, 1, 3, 7, 8, 9, 16, 23, 40} {
				ldsrc, lddst := cols+2, rows+1
				src := make([]float32, rows*ldsrc+cols)
				for i := range src {
					src[i] = float32(i + 1)
				}
				dst := make([]float32, cols*lddst+rows)
				vector.Transpose(dst, lddst, src, ldsrc, rows, cols)
				for i, v := range dst {
					c, r := i/lddst, i%lddst
					var want float32
					if c < cols && r < rows {
						want = src[r*ldsrc+c]
					}
					if v != want {
						t.Fatalf("%d by %d: row %d, column %d is %g, want %g", rows, cols, r, c, v, want)
					}
				}
			}
		}
	})
}
