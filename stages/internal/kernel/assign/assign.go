package assign

import "math"

// Columns divides the length of every slice.
const Columns = 16

// Padded is the least multiple of Columns that is not below n.
func Padded(n int) int { return (n + Columns - 1) / Columns * Columns }

// Relax takes the way over a row at distance base to every column: where
// base + (cost - open) is less than dist, it becomes dist and from becomes pred.
// It gives the least of dist then, and the first column that has it. Slices have
// one length.
func Relax(dist []float64, pred []int32, cost []float32, open []float64, base float64, from int32) (least float64, at int) {
	n := len(dist)
	if n == 0 || n%Columns != 0 || len(pred) != n || len(cost) != n || len(open) != n {
		panic("assign: slices of other lengths than are due")
	}
	if least, at, ok := fastRelax(dist, pred, cost, open, base, from); ok {
		return least, at
	}
	least = math.Inf(1)
	for j, c := range cost {
		d := dist[j]
		if h := (float64(c) - open[j]) + base; h < d {
			d = h
			dist[j], pred[j] = h, from
		}
		if d < least {
			least, at = d, j
		}
	}
	return least, at
}

// Two are the least and the second least of a row, with their columns; of equal
// ones the first counts.
type Two struct {
	First, Second     float64
	FirstAt, SecondAt int // -1: there is none
}

// TwoLeast finds the two least of cost - v.
func TwoLeast(cost []float32, v []float64) Two {
	n := len(cost)
	if n == 0 || n%Columns != 0 || len(v) != n {
		panic("assign: slices of other lengths than are due")
	}
	if t, ok := fastTwoLeast(cost, v); ok {
		return t
	}
	t := Two{math.Inf(1), math.Inf(1), -1, -1}
	for j, c := range cost {
		t.take(float64(c)-v[j], j)
	}
	return t
}

// take sees a column; of equal ones the lower number wins.
func (t *Two) take(h float64, j int) {
	switch {
	case h < t.First || h == t.First && j < t.FirstAt:
		t.Second, t.SecondAt = t.First, t.FirstAt
		t.First, t.FirstAt = h, j
	case h < t.Second || h == t.Second && j < t.SecondAt:
		t.Second, t.SecondAt = h, j
	}
}

// Squares writes the squared Euclidean distances of a point x [dim] to the
// columns of y [dim][len(dst)] to dst: sums in float64 of fused squares, in the
// order of the dimensions, rounded once.
func Squares(dst []float32, x []float64, y []float32) {
	n := len(dst)
	if n == 0 || n%Columns != 0 || len(x) == 0 || len(y) != n*len(x) {
		panic("assign: slices of other lengths than are due")
	}
	if fastSquares(dst, x, y) {
		return
	}
	for j := range dst {
		sum := 0.0
		for k, v := range x {
			d := v - float64(y[k*n+j])
			sum = math.FMA(d, d, sum)
		}
		dst[j] = float32(sum)
	}
}
