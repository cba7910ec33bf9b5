// Package couplingtest holds the laws that every coupling obeys.
package couplingtest

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/pathline/pathline/stages/coupling"
)

// Test checks, over batches of many shapes, equal rows among them, that the
// index is a permutation, that the rows are not written, and that the result
// depends on the arguments alone, also when asked for from several goroutines.
func Test(t *testing.T, c coupling.Coupling) {
	g := rand.New(rand.NewPCG(3, 4))
	for _, shape := range [][2]int{{0, 3}, {1, 1}, {2, 1}, {3, 5}, {17, 2}, {64, 2}, {100, 9}} {
		rows, dim := shape[0], shape[1]
		x0, x1 := make([]float32, rows*dim), make([]float32, rows*dim)
		for _, constant := range []bool{false, true} {
			for i := range x0 {
				x0[i], x1[i] = float32(g.NormFloat64()), float32(3+2*g.NormFloat64())
				if constant {
					x0[i], x1[i] = 1, -1
				}
			}
			check(t, c, x0, x1, rows, dim)
		}
	}
}

func check(t *testing.T, c coupling.Coupling, x0, x1 []float32, rows, dim int) {
	before0, before1 := slices.Clone(x0), slices.Clone(x1)
	first := make([]int32, rows)
	for i := range first {
		first[i] = -1
	}
	if err := c.Pair(first, x0, x1, rows, dim); err != nil {
		t.Fatalf("%d rows of %d: %v", rows, dim, err)
	}
	sorted := slices.Sorted(slices.Values(first))
	for r, i := range sorted {
		if int(i) != r {
			t.Fatalf("%d rows of %d: %v is no permutation", rows, dim, first)
		}
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			again := make([]int32, rows)
			if err := c.Pair(again, x0, x1, rows, dim); err != nil || !slices.Equal(again, first) {
				t.Errorf("%d rows of %d: %v and then %v, error %v", rows, dim, first, again, err)
			}
		})
	}
	wg.Wait()
	if !slices.Equal(before0, x0) || !slices.Equal(before1, x1) {
		t.Errorf("%d rows of %d: the rows were written", rows, dim)
	}
}
