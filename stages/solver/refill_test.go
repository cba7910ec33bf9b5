package solver_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/solver"
)

// clock is dx/dt = t, for tiles in which rows fail at once.
type clock struct{}

func (clock) Eval(_ context.Context, dx []float64, t, _ []float64, _ int) error {
	copy(dx, t)
	return nil
}

// TestTimesOfTiles: with one fixed step a tile begins at the time at which the one
// before it began, with more rows than were left in it.
func TestTimesOfTiles(t *testing.T) {
	x := []float64{math.NaN(), math.NaN(), 1, 2, 3, 4, 5}
	m := &solver.Method{Tableau: solver.Euler(), Options: solver.Options{Steps: 1, Tile: 3, Workers: 1}}
	if _, err := m.Solve64(t.Context(), clock{}, solver.State[float64]{X: x, Rows: 7, Dim: 1}, 1, 3); err != nil {
		t.Fatal(err)
	}
	if want := []float64{3, 4, 5, 6, 7}; !slices.Equal(x[2:], want) {
		t.Errorf("%v, want %v", x[2:], want)
	}
}

// crowd is dx/dt = x with a number of steps that grows with the row's number. It
// counts the rows of its calls.
type crowd struct {
	seen map[int64]int
	lone int // steps of small tiles while rows were waiting
	all  int // rows of the state
}

func (crowd) Eval(context.Context, []float64, []float64, []float64, int) error {
	panic("crowd: no row")
}

func (c *crowd) EvalQuad(_ context.Context, dx, dq, t, x []float64, id []int64, rows int) error {
	for r := range rows {
		dx[r] = x[r] * math.Cos(float64(id[r]%17)*t[r])
		dq[r] = 0
	}
	if len(c.seen) < c.all && rows < 48 && c.seen[id[0]] >= 2 {
		c.lone++
	}
	for _, i := range id {
		c.seen[i]++
	}
	return nil
}

// TestRefill: until all rows have begun a tile of 64 rows makes no step with fewer
// than 48.
func TestRefill(t *testing.T) {
	const rows = 1000
	x, q := make([]float64, rows), make([]float64, rows)
	for i := range x {
		x[i] = 1
	}
	c := &crowd{seen: map[int64]int{}, all: rows}
	m := &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1e-6, Atol: 1e-6, Tile: 64, Workers: 1}}
	if _, err := m.Solve64(t.Context(), c, solver.State[float64]{X: x, Q: q, Rows: rows, Dim: 1, Quads: 1}, 0, 3); err != nil {
		t.Fatal(err)
	}
	if c.lone > 0 || len(c.seen) != rows || c.seen[0] == c.seen[16] {
		t.Errorf("%d steps of tiles that were not full, %d rows, %d and %d evaluations", c.lone, len(c.seen), c.seen[0], c.seen[16])
	}
}
