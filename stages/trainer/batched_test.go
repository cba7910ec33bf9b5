package trainer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/pathline/pathline/stages/coupling"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
)

// remoteLike is a network that is handed whole batches.
type remoteLike struct {
	model.Network
	sum   model.LaneSum
	calls *int
	fails bool
}

func (w *remoteLike) Distant() bool { return true }

func (w *remoteLike) BatchGradient(ctx context.Context, grad [][]float32, loss []float64, b model.Batch) error {
	*w.calls++
	if w.fails {
		return errors.New("the line is cut")
	}
	if err := w.sum.Add(ctx, w.Network, loss, b, nil); err != nil || !b.Last {
		return err
	}
	all := make([]float32, 0)
	for _, g := range grad {
		all = append(all, g...)
	}
	w.sum.Sum(all, nil)
	for _, g := range grad {
		all = all[copy(g, all):]
	}
	return nil
}

// Gradient is what such a network is not asked for.
func (w *remoteLike) Gradient(context.Context, [][]float32, []float64, []float32, []float32, []float32, int) (float64, error) {
	panic("trainer: a tile is asked of a network that takes batches")
}

type wholeDefinition struct {
	model.Definition
	calls *int
	fails bool
}

func (d wholeDefinition) Build(dim int) (model.Network, error) {
	n, err := d.Definition.Build(dim)
	return &remoteLike{Network: n, calls: d.calls, fails: d.fails}, err
}

// A network that takes whole batches gets the weights that it gets tile by tile:
// for few rows and for lanes of several tiles, for one batch a step and for
// several, and is asked once for each.
func TestWholeBatchesGiveTheSameBits(t *testing.T) {
	const dim, steps = 2, 3
	x := gaussian(333, dim, 1, 0.5, "data")
	for _, batch := range []int{1, 70, 1000, 9000} {
		for _, parts := range []int{1, 2} {
			for _, p := range []path.Path{path.CondOT{}, distant{path.Cosine{}, new(int)},
				curve{of: path.CondOT{}, far: true, calls: new(atomic.Int64), rows: new(atomic.Int64)}} {
				for _, couple := range []coupling.Coupling{nil, backwards{}, entropic()} {
					if _, plan := couple.(coupling.Drawing); plan && batch > 1000 {
						continue // plans of 81 million pairs, which cover nothing that smaller ones do not
					}
					run := func(def model.Definition, workers int) []any {
						o := options(steps, batch)
						o.Accumulate, o.Workers, o.EMA, o.Path, o.Coupling = parts, workers, 0.9, p, couple
						o.Valid, o.ValidateEvery = validation(t, dim, o), 2
						r, err := Train(context.Background(), def, Layout{Dim: dim}, NewMemory(x, dim, o.Keys.Shuffle), o)
						if err != nil {
							t.Fatal(err)
						}
						return outcome(r)
					}
					want := run(network(t, 9), 1)
					for _, workers := range []int{1, 3} {
						calls := 0
						got := run(wholeDefinition{network(t, 9), &calls, false}, workers)
						name := fmt.Sprintf("batch %d, %d a step, path %T, coupling %T, %d workers", batch, parts, p, couple, workers)
						if !slices.Equal(got, want) {
							t.Errorf("%s: other weights", name)
						}
						if calls != steps*parts {
							t.Errorf("%s: %d calls for %d batches", name, calls, steps*parts)
						}
					}
				}
			}
		}
	}
}

func TestFailureOfAWholeBatchIsReported(t *testing.T) {
	o := options(1, 10)
	calls := 0
	_, err := Train(context.Background(), wholeDefinition{network(t, 9), &calls, true}, Layout{Dim: 1}, NewMemory(numbered(5), 1, 1), o)
	if err == nil || err.Error() != "the line is cut" {
		t.Errorf("error is %v", err)
	}
}
