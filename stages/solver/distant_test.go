package solver_test

import (
	"context"
	"math"
	"reflect"
	"sync"
	"testing"

	"github.com/pathline/pathline/stages/solver"
)

// pendulum is a field with rows of different difficulty, which counts what it
// is asked, and may be far away.
type pendulum struct {
	far   bool
	mu    *sync.Mutex
	calls *int
	rows  *int
}

func newPendulum(far bool) pendulum { return pendulum{far, new(sync.Mutex), new(int), new(int)} }

func (p pendulum) Distant() bool { return p.far }

func (p pendulum) Eval(_ context.Context, dx []float32, t []float64, x []float32, rows int) error {
	p.mu.Lock()
	*p.calls++
	*p.rows += rows
	p.mu.Unlock()
	for r := range rows {
		dx[2*r] = x[2*r+1]
		dx[2*r+1] = float32(-9 * (1 + t[r]) * math.Sin(float64(x[2*r])))
	}
	return nil
}

func (p pendulum) EvalQuad(ctx context.Context, dx []float32, dq, t []float64, x []float32, id []int64, rows int) error {
	for r := range rows {
		dq[r] = float64(x[2*r]) + float64(id[r])
	}
	return p.Eval(ctx, dx, t, x, rows)
}

// A field that is far away is asked for many rows at a time, in two parts at
// most, and gives the same bits.
func TestDistantFieldIsAskedForManyRows(t *testing.T) {
	const rows = 3000
	state := func() solver.State[float32] {
		s := solver.State[float32]{X: make([]float32, 2*rows), Q: make([]float64, rows), Rows: rows, Dim: 2, Quads: 1, FirstID: 7}
		for i := range s.X {
			s.X[i] = float32(i%23)/5 - 2
		}
		return s
	}
	for name, m := range map[string]*solver.Method{
		"fixed":    {Tableau: solver.RK4(), Options: solver.Options{Steps: 5}},
		"adaptive": {Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1e-4, Atol: 1e-4}},
	} {
		for _, workers := range []int{1, 2, 5} {
			m := &solver.Method{Tableau: m.Tableau, Options: m.Options}
			m.Options.Workers = workers
			near, far := newPendulum(false), newPendulum(true)
			a, b := state(), state()
			ra, err := m.Solve32(t.Context(), near, a, 0, 1)
			if err != nil {
				t.Fatal(err)
			}
			rb, err := m.Solve32(t.Context(), far, b, 0, 1)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(a, b) || !reflect.DeepEqual(ra, rb) {
				t.Errorf("%s, %d workers: other numbers", name, workers)
			}
			if *near.rows != *far.rows {
				t.Errorf("%s, %d workers: %d rows are evaluated, not %d", name, workers, *far.rows, *near.rows)
			}
			// The longest row of a part needs as many calls, and twice that when
			// its rows are taken after those of the other part.
			most := int32(0)
			for _, n := range rb.Evaluations {
				most = max(most, n)
			}
			if tiles := min(workers, 2); *far.calls > tiles*tiles*int(most+1) {
				t.Errorf("%s, %d workers: %d calls, and a row needs %d", name, workers, *far.calls, most)
			}
		}
	}
}
