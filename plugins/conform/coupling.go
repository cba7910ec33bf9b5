package conform

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/pathline/pathline/stages/coupling"
	"github.com/pathline/pathline/stages/coupling/couplingtest"
	"github.com/pathline/pathline/stages/law"
)

func couplingCases() []Case {
	return append(lawCases("coupling", "", couplingtest.Laws(), plain[coupling.Coupling]),
		own("coupling", "cost", "Pairing costs no more than not pairing: the mean squared distance of the pairs is not above that of the rows as they come.", cost, plain[coupling.Coupling]),
		own("coupling", "rows", "A batch of 8 MiB, 512 rows of 4096 columns, is paired.", couplingRows, plain[coupling.Coupling]))
}

func cost(t law.T, c coupling.Coupling) {
	g := rand.New(rand.NewPCG(5, 6))
	const rows, dim = 128, 2
	x0, x1 := normals(g, rows*dim), normals(g, rows*dim)
	index := make([]int32, rows)
	if err := c.Pair(index, x0, x1, rows, dim); err != nil {
		t.Fatal(err)
	}
	sum := func(of func(r int) int) (s float64) {
		for r := range rows {
			for j := range dim {
				d := float64(x0[of(r)*dim+j] - x1[r*dim+j])
				s += d * d
			}
		}
		return s / rows
	}
	before, after := sum(func(r int) int { return r }), sum(func(r int) int { return int(index[r]) })
	// Random pairs cost the same but for chance: five times its spread is allowed.
	if spread := before * math.Sqrt(2.0/rows); after > before+5*spread {
		t.Errorf("the mean squared distance of pairs is %.4g, of the rows as they come %.4g", after, before)
	}
}

func normals(g *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(g.NormFloat64())
	}
	return x
}

func couplingRows(t law.T, c coupling.Coupling) {
	const rows, dim = 512, 4096
	g := rand.New(rand.NewPCG(7, 8))
	index := make([]int32, rows)
	if err := c.Pair(index, normals(g, rows*dim), normals(g, rows*dim), rows, dim); err != nil {
		t.Fatal(err)
	}
	if _, draws := c.(coupling.Drawing); draws {
		return
	}
	for r, i := range slices.Sorted(slices.Values(index)) {
		if int(i) != r {
			t.Fatalf("%d rows of %d are not a permutation", rows, dim)
		}
	}
}
