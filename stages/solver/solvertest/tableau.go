package solvertest

import (
	"math"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/law"
	"github.com/pathline/pathline/stages/solver"
)

// Tableau checks the shape of a tableau, its row sums, every order condition up
// to its order and to its embedded order, and that it is not of a higher order
// than it says.
func Tableau(t *testing.T, b solver.Tableau) { law.Test(t, TableauLaws(), b) }

// TableauLaws are the laws of a tableau.
func TableauLaws() []law.Law[solver.Tableau] {
	return []law.Law[solver.Tableau]{
		{Name: "row sums", Sentence: "The rows of a tableau sum to its nodes: sum_j a_ij = c_i.", Check: rowSums},
		{Name: "interpolant", Sentence: "States within a step have the order that the interpolant says, begin and end where the step does, and do not jump in slope.", Check: interpolant},
		{Name: "order", Sentence: "A tableau fulfils the conditions of its order and of its embedded order, and not those of the next.", Check: orders},
	}
}

func rowSums(t law.T, b solver.Tableau) {
	t.Helper()
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	for i, row := range b.A {
		sum, size := 0.0, 1.0
		for _, a := range row {
			sum += a
			size += math.Abs(a)
		}
		if math.Abs(sum-b.C[i]) > 4e-16*size {
			t.Errorf("row %d sums to %v, c is %v", i, sum, b.C[i])
		}
	}
}

func orders(t law.T, b solver.Tableau) {
	t.Helper()
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	highest := func(w []float64, claimed int) {
		t.Helper()
		for order := 1; order <= claimed; order++ {
			if r := residual(b, w, order); r > 1e-13 {
				t.Errorf("conditions of order %d of %d are off by %g", order, claimed, r)
			}
		}
		if r := residual(b, w, claimed+1); r < 1e-6 {
			t.Errorf("claims order %d, fulfils order %d to %g", claimed, claimed+1, r)
		}
	}
	highest(b.B, b.Order)
	if (b.BErr != nil) != (b.EmbeddedOrder > 0) {
		t.Errorf("embedded order %d, error row %v", b.EmbeddedOrder, b.BErr)
	}
	if b.BErr != nil {
		highest(minus(b.B, b.BErr), b.EmbeddedOrder)
	}
	if b.BErr3 != nil {
		highest(minus(b.B, b.BErr3), 3)
	}
}

// interpolant checks the conditions of its order at every u (Hairer I, II.6, eq.
// 6.10: those of a method for the time u, sum_i b_i(u) phi_i = u^order / density),
// the weights at both ends, and the slopes there: k_0 at the start, and the slope of
// where the step leads at its end, so that one step goes on where another ended.
func interpolant(t law.T, b solver.Tableau) {
	t.Helper()
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	in := b.Dense()
	all := b
	all.C, all.A = append(slices.Clone(b.C), in.C...), append(slices.Clone(b.A), in.A...)
	for j, row := range in.A {
		sum := -in.C[j]
		for _, a := range row {
			sum += a
		}
		if math.Abs(sum) > 1e-14 {
			t.Errorf("row %d of the interpolant does not sum to %v", j, in.C[j])
		}
	}
	weights := func(u float64) []float64 {
		w := make([]float64, len(all.C))
		for i, row := range in.B {
			for p, c := range row {
				w[i] += c * math.Pow(u, float64(p+1))
			}
		}
		return w
	}
	off := func(order int) (worst float64) {
		for i := 1; i <= 8; i++ {
			u := float64(i) / 8
			w := weights(u)
			for j := range w {
				w[j] /= math.Pow(u, float64(order))
			}
			worst = max(worst, math.Pow(u, float64(order))*residual(all, w, order))
		}
		return worst
	}
	for order := 1; order <= in.Order; order++ {
		if r := off(order); r > 1e-12 {
			t.Errorf("conditions of order %d of %d of the interpolant are off by %g", order, in.Order, r)
		}
	}
	if r := off(in.Order + 1); r < 1e-7 {
		t.Errorf("the interpolant claims order %d and fulfils order %d to %g", in.Order, in.Order+1, r)
	}
	const h = 1e-6
	end, before, after := weights(1), weights(1-h), weights(h)
	last := -1 // the stage that is the slope at the end
	if b.FSAL() {
		last = b.Stages() - 1
	} else if b.Interpolant == nil {
		last = b.Stages()
	}
	step := append(slices.Clone(b.B), make([]float64, len(in.C))...)
	for i := range end {
		b := step[i]
		if math.Abs(end[i]-b) > 1e-13 {
			t.Errorf("weight %d of the interpolant ends at %v, that of the step is %v", i, end[i], b)
		}
		start, final := 0.0, 0.0
		if i == 0 {
			start = 1
		}
		if i == last {
			final = 1
		}
		if math.Abs(after[i]/h-start) > 1e-3 {
			t.Errorf("weight %d of the interpolant begins with slope %v", i, after[i]/h)
		}
		if slope := (end[i] - before[i]) / h; last >= 0 && math.Abs(slope-final) > 1e-3 {
			t.Errorf("weight %d of the interpolant ends with slope %v", i, slope)
		}
	}
}

func minus(a, b []float64) []float64 {
	c := make([]float64, len(a))
	for i := range a {
		c[i] = a[i] - b[i]
	}
	return c
}

// tree is a rooted tree with its density and, for one tableau, the elementary
// weights of its stages: phi_i = prod over subtrees s of sum_j a_ij phi_j(s).
type tree struct {
	density float64
	phi     []float64
}

// residual is the largest |sum_i w_i phi_i - 1/density| over the rooted trees of
// an order.
func residual(b solver.Tableau, w []float64, order int) (worst float64) {
	for _, tr := range trees(b, order)[order] {
		s := -1 / tr.density
		for i, phi := range tr.phi {
			s += w[i] * phi
		}
		worst = max(worst, math.Abs(s))
	}
	return worst
}

// trees are the rooted trees of orders 1 to n, by order: a root with a multiset
// of smaller trees on it.
func trees(b solver.Tableau, n int) [][]tree {
	all := make([][]tree, n+1)
	for order := 1; order <= n; order++ {
		// grow adds subtrees in non-increasing (order, place), so every multiset
		// comes once.
		var grow func(left, size, place int, t tree)
		grow = func(left, size, place int, t tree) {
			if left == 0 {
				t.density *= float64(order)
				all[order] = append(all[order], t)
				return
			}
			for s := min(size, left); s >= 1; s-- {
				last := len(all[s]) - 1
				if s == size {
					last = min(last, place)
				}
				for i := last; i >= 0; i-- {
					grow(left-s, s, i, graft(b, t, all[s][i]))
				}
			}
		}
		one := make([]float64, b.Stages())
		for i := range one {
			one[i] = 1
		}
		grow(order-1, order-1, math.MaxInt, tree{1, one})
	}
	return all
}

func graft(b solver.Tableau, root, sub tree) tree {
	phi := make([]float64, len(root.phi))
	for i := range phi {
		s := 0.0
		for j, a := range b.A[i] {
			s += a * sub.phi[j]
		}
		phi[i] = root.phi[i] * s
	}
	return tree{root.density * sub.density, phi}
}
