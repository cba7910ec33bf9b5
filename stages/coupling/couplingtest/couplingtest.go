// Package couplingtest holds the laws that every coupling obeys.
package couplingtest

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/pathline/pathline/stages/coupling"
	"github.com/pathline/pathline/stages/law"
)

// Test checks the laws of a coupling.
func Test(t *testing.T, c coupling.Coupling) { law.Test(t, Laws(), c) }

// Laws are the laws of a coupling, over batches of many shapes, equal rows among them, that the
// index is a permutation, that the rows are not written, and that the result
// depends on the arguments alone, also when asked for from several goroutines.
func Laws() []law.Law[coupling.Coupling] {
	return []law.Law[coupling.Coupling]{
		{Name: "permutation", Sentence: "Every row of noise goes with exactly one row of data.", Check: shapes(permutation)},
		{Name: "pure", Sentence: "The pairs are a function of the rows: the same again, and from several calls at the same time.", Check: shapes(pure)},
		{Name: "arguments", Sentence: "The rows are not written.", Check: shapes(unwritten)},
	}
}

// batch is noise and data, [rows][dim].
type batch struct {
	x0, x1    []float32
	rows, dim int
}

func shapes(check func(law.T, coupling.Coupling, batch)) func(law.T, coupling.Coupling) {
	return func(t law.T, c coupling.Coupling) { over(t, c, check) }
}

func over(t law.T, c coupling.Coupling, check func(law.T, coupling.Coupling, batch)) {
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
			check(t, c, batch{x0, x1, rows, dim})
		}
	}
}

func pair(t law.T, c coupling.Coupling, b batch) []int32 {
	index := make([]int32, b.rows)
	for i := range index {
		index[i] = -1
	}
	if err := c.Pair(index, b.x0, b.x1, b.rows, b.dim); err != nil {
		t.Fatalf("%d rows of %d: %v", b.rows, b.dim, err)
	}
	return index
}

func permutation(t law.T, c coupling.Coupling, b batch) {
	index := pair(t, c, b)
	for r, i := range slices.Sorted(slices.Values(index)) {
		if int(i) != r {
			t.Fatalf("%d rows of %d: %v is no permutation", b.rows, b.dim, index)
		}
	}
}

func pure(t law.T, c coupling.Coupling, b batch) {
	first := pair(t, c, b)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			again := make([]int32, b.rows)
			if err := c.Pair(again, b.x0, b.x1, b.rows, b.dim); err != nil || !slices.Equal(again, first) {
				t.Errorf("%d rows of %d: %v and then %v, error %v", b.rows, b.dim, first, again, err)
			}
		})
	}
	wg.Wait()
}

func unwritten(t law.T, c coupling.Coupling, b batch) {
	before0, before1 := slices.Clone(b.x0), slices.Clone(b.x1)
	pair(t, c, b)
	if !slices.Equal(before0, b.x0) || !slices.Equal(before1, b.x1) {
		t.Errorf("%d rows of %d: the rows were written", b.rows, b.dim)
	}
}
