package coupling

import (
	"context"
	"math"

	"github.com/pathline/pathline/stages/internal/kernel/assign"
)

// assignment solves the linear assignment problem: n rows and n columns are
// paired one to one so that the sum of cost[row][column] is least. It is the
// algorithm of Jonker and Volgenant (1987): columns take their cheapest row,
// rows that are left over bid for their cheapest column as much as it is worth
// more to them than the second cheapest, and what is then left over is paired by
// shortest augmenting paths. Duals are float64: they prove the result, as no pairs
// cost less than the sums of the duals of rows and columns.
//
// The paths are long when duals have far to go, as those of many rows in few
// dimensions: they take most of the time then. So duals of larger problems start as
// those of plans with less and less entropy, which a few iterations of Sinkhorn's
// algorithm bring near to the end. Any duals will do to start from; the pairs are
// exact whatever they are. It makes 9 times fewer steps of paths for 1,024 rows in 2
// dimensions, and 20 times fewer in 21.
type assignment struct {
	costs

	row, col []int32   // row of a column, column of a row; -1: none
	v        []float64 // duals of columns, -Inf beyond n
	free     []int32   // rows without a column

	soft plan // of the start

	// Of one shortest path.
	dist []float64 // to columns that are not reached for good; else +Inf
	open []float64 // v of such columns; else -Inf
	pred []int32   // the row before a column
	done []int32   // columns reached for good, in order
	far  []float64 // their distances
}

// resize makes room for n rows and columns; what is there is forgotten.
func (a *assignment) resize(n int) {
	if a.n == n {
		return
	}
	c := newCosts(n)
	m := c.ld
	*a = assignment{costs: c, row: make([]int32, n), col: make([]int32, n), free: make([]int32, 0, n),
		v: make([]float64, m), dist: make([]float64, m), open: make([]float64, m), pred: make([]int32, m),
		done: make([]int32, 0, n), far: make([]float64, 0, n)}
	a.soft.costs = &a.costs
}

// reduced is the cost of a pair beyond the dual of its column.
func (a *assignment) reduced(i, j int32) float64 { return float64(a.of(int(i))[j]) - a.v[j] }

// solve pairs; col[i] is the column of row i then. When ctx ends it does, and what is
// in a is of no use.
func (a *assignment) solve(ctx context.Context) error {
	if a.n == 1 {
		a.col[0] = 0
		return nil
	}
	started := false
	if soft(a.n) && a.greatest > 0 {
		var err error
		if started, err = a.soften(ctx); err != nil {
			return err
		}
	}
	if !started {
		if err := a.reduceColumns(ctx); err != nil {
			return err
		}
	}
	for range 2 {
		if err := a.reduceRows(ctx); err != nil {
			return err
		}
	}
	for _, i := range a.free {
		if err := a.augment(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// softRows is from how many rows on duals start as those of a plan, and manyRows up to
// how many: a plan takes as much memory as the costs, so that 10,000 rows without one
// need no more than 7,000 with it.
const softRows, manyRows = 256, 7000

func soft(rows int) bool { return softRows <= rows && rows <= manyRows }

// softer are the plans on the way: the weight of the entropy, as a fraction of the
// greatest cost, and the iterations there.
var softer = []struct {
	reg        float64
	iterations int
}{{0.02, 4}, {0.006, 4}, {0.002, 6}}

// leastSum is the least sum of costs for which soften is good, as a fraction of the
// greatest cost: duals are rounded by 1e-16 of that.
const leastSum = 1e-4

// soften takes the duals of a plan, and gives every row the column that is cheapest
// then, unless another row has it. It says false where costs are of so different
// sizes that the duals would be too rough.
func (a *assignment) soften(ctx context.Context) (bool, error) {
	p := &a.soft
	p.begin()
	for _, s := range softer {
		if err := p.soften(ctx, s.reg*float64(a.greatest)); err != nil {
			return false, err
		}
		for range s.iterations {
			if err := p.scaleRows(ctx); err != nil {
				return false, err
			}
			p.scaleColumns()
		}
		p.absorb()
	}
	copy(a.v, p.g)
	sum := 0.0 // of all duals: no pairs cost less
	for _, g := range a.v[:a.n] {
		sum += g
	}
	for i := range a.n {
		a.col[i], a.row[i] = -1, -1
	}
	a.free = a.free[:0]
	for i := range int32(a.n) {
		least := assign.TwoLeast(a.of(int(i)), a.v)
		sum += least.First
		if j := least.FirstAt; j < 0 {
			return false, nil // duals that are no numbers
		} else if a.row[j] < 0 {
			a.col[i], a.row[j] = int32(j), i
		} else {
			a.free = append(a.free, i)
		}
	}
	return sum > leastSum*float64(a.greatest), nil
}

// reduceColumns gives every column its least cost as dual, and the row of that
// cost unless the row has a column.
func (a *assignment) reduceColumns(ctx context.Context) error {
	cheapest := a.pred
	for j := range a.v {
		a.v[j] = math.Inf(1)
		if j >= a.n {
			a.v[j] = math.Inf(-1)
		}
	}
	for i := range int32(a.n) {
		if err := ended(ctx, int(i)); err != nil {
			return err
		}
		a.col[i], a.row[i] = -1, -1
		for j, c := range a.of(int(i))[:a.n] {
			if float64(c) < a.v[j] {
				a.v[j], cheapest[j] = float64(c), i
			}
		}
	}
	for j := a.n - 1; j >= 0; j-- {
		if i := cheapest[j]; a.col[i] < 0 {
			a.col[i], a.row[j] = int32(j), i
		}
	}
	a.free = a.free[:0]
	for i := range int32(a.n) {
		if a.col[i] < 0 {
			a.free = append(a.free, i)
		}
	}
	return nil
}

// bids bounds the bids of one row reduction, per row: they may go on for long
// when rows compete by small differences, which shortest paths settle at once.
const bids = 4

// reduceRows lets rows without a column bid. A row that is outbid bids next when
// its column has become dearer, and later when it has not.
func (a *assignment) reduceRows(ctx context.Context) error {
	free, kept := a.free, 0
	left := bids * a.n
	for k := 0; k < len(free); left-- {
		if err := ended(ctx, left); err != nil {
			return err
		}
		i := free[k]
		k++
		two := assign.TwoLeast(a.of(int(i)), a.v)
		j := two.FirstAt
		dearer := two.First < two.Second
		if dearer {
			low := a.v[j] - (two.Second - two.First)
			dearer = low < a.v[j] // not by less than a rounding
			a.v[j] = low
		}
		if !dearer && a.row[j] >= 0 {
			j = two.SecondAt
		}
		other := a.row[j]
		a.row[j], a.col[i] = i, int32(j)
		if other < 0 {
			continue
		}
		a.col[other] = -1
		if dearer && left > 0 {
			k--
			free[k] = other
		} else {
			free[kept] = other
			kept++
		}
	}
	a.free = free[:kept]
	return nil
}

// augment pairs row i by the shortest path to a column without a row (Dijkstra's
// algorithm on reduced costs, which are not negative).
func (a *assignment) augment(ctx context.Context, i int32) error {
	for j := range a.dist {
		a.dist[j] = math.Inf(1)
	}
	copy(a.open, a.v)
	a.done, a.far = a.done[:0], a.far[:0]
	from, base := i, 0.0
	var end int32
	var least float64
	for {
		if err := ended(ctx, len(a.done)); err != nil { // at least once a path
			return err
		}
		var at int
		least, at = assign.Relax(a.dist, a.pred, a.of(int(from)), a.open, base, from)
		end = int32(at)
		if a.row[end] < 0 {
			break
		}
		a.done, a.far = append(a.done, end), append(a.far, least)
		a.dist[end], a.open[end] = math.Inf(1), math.Inf(-1)
		// The way back over a pair costs nothing: its reduced cost is that of
		// its row.
		from = a.row[end]
		base = least - a.reduced(from, end)
	}
	for k, j := range a.done {
		a.v[j] += a.far[k] - least
	}
	for j := end; ; {
		r := a.pred[j]
		a.row[j] = r
		j, a.col[r] = a.col[r], j
		if r == i {
			break
		}
	}
	return nil
}
