// Package couplingtest holds the laws that every coupling obeys.
package couplingtest

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/pathline/pathline/stages/coupling"
	"github.com/pathline/pathline/stages/law"
)

// Test checks the laws of a coupling.
func Test(t *testing.T, c coupling.Coupling) { law.Test(t, Laws(), c) }

// Laws are the laws of a coupling, over batches of many shapes, equal rows among
// them. What holds of permutations alone is not asked of a coupling that draws, and
// the other way round.
func Laws() []law.Law[coupling.Coupling] {
	return []law.Law[coupling.Coupling]{
		{Name: "permutation", Sentence: "Every row of noise goes with exactly one row of data, unless the coupling draws its pairs.", Check: shapes(permutation)},
		{Name: "plan", Sentence: "Of a coupling that draws its pairs, every row of noise goes with one row of data in the mean over draws.", Check: shapes(marginals)},
		{Name: "pure", Sentence: "The pairs are a function of the rows, and of the numbers they are drawn with: the same again, and from several calls at the same time.", Check: shapes(pure)},
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

// pair is index by Pair; of a coupling that draws, by Draw with numbers of this
// round, unless it is zero.
func pair(t law.T, c coupling.Coupling, b batch, round int) []int32 {
	index := make([]int32, b.rows)
	for i := range index {
		index[i] = -1
	}
	if err := into(index, c, b, round); err != nil {
		t.Fatalf("%d rows of %d: %v", b.rows, b.dim, err)
	}
	for r, i := range index {
		if i < 0 || int(i) >= b.rows {
			t.Fatalf("%d rows of %d: row %d goes with noise %d", b.rows, b.dim, r, i)
		}
	}
	return index
}

func into(index []int32, c coupling.Coupling, b batch, round int) error {
	d, ok := c.(coupling.Drawing)
	if !ok || round == 0 {
		return c.Pair(index, b.x0, b.x1, b.rows, b.dim)
	}
	g, u := rand.New(rand.NewPCG(5, uint64(round))), make([]float64, b.rows)
	for i := range u {
		u[i] = g.Float64()
	}
	return d.Draw(index, b.x0, b.x1, b.rows, b.dim, u)
}

func permutation(t law.T, c coupling.Coupling, b batch) {
	if _, ok := c.(coupling.Drawing); ok {
		return
	}
	index := pair(t, c, b, 0)
	for r, i := range slices.Sorted(slices.Values(index)) {
		if int(i) != r {
			t.Fatalf("%d rows of %d: %v is no permutation", b.rows, b.dim, index)
		}
	}
}

// marginals counts how often a row of noise is drawn. The count of a round is a sum
// of draws, one of each row of data, of probabilities that sum to one: its variance
// is one at most.
func marginals(t law.T, c coupling.Coupling, b batch) {
	if _, ok := c.(coupling.Drawing); !ok {
		return
	}
	const rounds = 400
	count := make([]float64, b.rows)
	for round := range rounds {
		for _, i := range pair(t, c, b, 1+round) {
			count[i]++
		}
	}
	for i, n := range count {
		// Five standard deviations, and a plan whose rows may be wrong by 1 %.
		if math.Abs(n-rounds) > 5*math.Sqrt(rounds)+0.01*rounds {
			t.Errorf("%d rows of %d: noise %d is drawn %v times in %d draws of the batch", b.rows, b.dim, i, n, rounds)
		}
	}
}

func pure(t law.T, c coupling.Coupling, b batch) {
	for round := range 2 {
		first := pair(t, c, b, round)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				again := make([]int32, b.rows)
				if err := into(again, c, b, round); err != nil || !slices.Equal(again, first) {
					t.Errorf("%d rows of %d: %v and then %v, error %v", b.rows, b.dim, first, again, err)
				}
			})
		}
		wg.Wait()
	}
}

func unwritten(t law.T, c coupling.Coupling, b batch) {
	before0, before1 := slices.Clone(b.x0), slices.Clone(b.x1)
	pair(t, c, b, 1)
	if !slices.Equal(before0, b.x0) || !slices.Equal(before1, b.x1) {
		t.Errorf("%d rows of %d: the rows were written", b.rows, b.dim)
	}
}
