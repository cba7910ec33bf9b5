package trainer

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/pathline/pathline/stages/coupling"
	"github.com/pathline/pathline/stages/path"
)

// curve is an affine path that does not say so.
type curve struct {
	path.Curved
	of    path.Path
	far   bool
	calls *atomic.Int64
	rows  *atomic.Int64
}

func (c curve) Distant() bool { return c.far }

func (c curve) Sample(xt, ut, x0, x1 []float32, t []float64, rows, dim int) error {
	c.calls.Add(1)
	c.rows.Add(int64(rows))
	coef := make([]path.Coef, rows)
	if err := c.of.Coefficients(coef, t); err != nil {
		return err
	}
	path.Interpolate(xt, ut, coef, x0, x1, nil, rows, dim)
	return nil
}

// A path that gives x_t and u_t itself trains the weights that it trains by its
// coefficients, for any number of workers, in this process or far away, and one
// far away is asked once for a batch.
func TestPathThatIsNotAffine(t *testing.T) {
	const steps, batch = 5, 300
	x := gaussian(333, 2, 1, 0.5, "data")
	for _, couple := range []coupling.Coupling{nil, backwards{}, entropic()} {
		for source, open := range map[string]func(Keys) Rows{
			"memory": func(k Keys) Rows { return NewMemory(x, 2, k.Shuffle) },
			"window": func(k Keys) Rows { return NewWindow(pieces(x, 2, 7), 2, 100, k.Shuffle) },
		} {
			run := func(p path.Path, workers int) []any {
				o := options(steps, batch)
				o.Path, o.Coupling, o.Workers, o.Accumulate = p, couple, workers, 2
				o.Valid, o.ValidateEvery = validation(t, 2, o), 2
				rows := open(o.Keys)
				defer rows.Close()
				r, err := Train(context.Background(), network(t, 9), Layout{Dim: 2}, rows, o)
				if err != nil {
					t.Fatal(err)
				}
				return outcome(r)
			}
			want := run(path.Cosine{}, 1)
			for _, far := range []bool{false, true} {
				for _, workers := range []int{1, 3} {
					c := curve{of: path.Cosine{}, far: far, calls: new(atomic.Int64), rows: new(atomic.Int64)}
					name := fmt.Sprintf("%s, coupling %T, far %v, %d workers", source, couple, far, workers)
					if got := run(c, workers); !slices.Equal(got, want) {
						t.Errorf("%s: other weights", name)
					}
					if n := c.calls.Load(); far && n != 2*steps+1 {
						t.Errorf("%s: %d calls for %d batches and a validation", name, n, 2*steps)
					}
					if n := c.rows.Load(); n != 2*steps*batch+150 {
						t.Errorf("%s: %d rows were asked for", name, n)
					}
				}
			}
		}
	}
}
