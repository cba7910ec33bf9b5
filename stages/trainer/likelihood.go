package trainer

import (
	"context"

	"github.com/pathline/pathline/stages/bijection"
)

// Fitted is a discrete flow that was trained.
type Fitted struct {
	// Network has the weights to use: those of the best validation where there
	// is patience, else the average when there is one.
	Network bijection.Trainable
	State   *State
}

// MaximumLikelihood fits a bijection to rows, which are x, and conditions c where
// there are some: step k minimises the mean negative log-density of a batch of B
// rows, in nats,
//
//	-1/B sum_i (log p0(z_i) + log|det dz_i/dx_i|),   z_i = Normalize(x_i; c_i)
//
// or of several batches together where gradients are accumulated. Options that
// belong to a path (Path, Coupling, Time, Target) and Valid are not looked at;
// valid, which may be nil, is validated. Layers that begin from data (actnorm)
// take the rows of the first batch. The weights have the same bits for any number
// of workers, and after any number of interruptions.
func MaximumLikelihood(ctx context.Context, def bijection.Definition, layout Layout, rows Rows, valid *HeldOut, o Options) (*Fitted, error) {
	l, err := newDensityLoop(def, layout, rows, valid, o)
	if err != nil {
		return nil, err
	}
	defer l.crew.dismiss()
	net, err := l.run(ctx)
	if err != nil {
		return nil, err
	}
	return &Fitted{Network: net.(bijection.Trainable), State: &l.State}, nil
}

func newDensityLoop(def bijection.Definition, layout Layout, rows Rows, valid *HeldOut, o Options) (*loop, error) {
	build := func() (bijection.Trainable, error) { return bijection.Build(def, layout.Dim, layout.Held) }
	net, err := build()
	if err != nil {
		return nil, err
	}
	l := bare(net, rows, o)
	if o.needsMean() {
		if l.mean, err = build(); err != nil {
			return nil, err
		}
	}
	if valid != nil {
		l.valid = scored{valid, densities}
	}
	l.crew = newCrew(o.Workers)
	l.lanes = newLanes(net, o.Batch, l.crew)
	l.lanes.apart(net)
	d := &density{net: net, taken: newTaken(&l.o, rows, layout.Input(), l.lanes)}
	l.lanes.goal = d
	if s, ok := net.(bijection.Started); ok {
		l.start = func(ctx context.Context) error { return d.start(ctx, s) }
	}
	return l, l.descend()
}

// density is the objective of maximum likelihood.
type density struct {
	net bijection.Trainable
	taken
}

func (d *density) next(ctx context.Context, _ int64, _ int) error { return d.take(ctx) }

func (d *density) entries() int { return 1 }

func (d *density) add(ctx context.Context, lane, lo, hi int, grad [][]float32) (float64, error) {
	return d.net.Gradient(ctx, grad, nil, d.fill(d.tile[lane], lo, hi), nil, hi-lo)
}

// start gives layers that begin from data the rows of the first batch, which
// come again in the first step.
func (d *density) start(ctx context.Context, s bijection.Started) error {
	at := d.rows.Cursor()
	x := make([]float32, d.o.Batch*d.width)
	if err := d.rows.Next(ctx, x, d.number); err != nil {
		return err
	}
	if err := s.Start(ctx, x, d.o.Batch); err != nil {
		return err
	}
	return d.rows.Seek(ctx, at)
}

func (d *density) diverged(ctx context.Context, step int64, loss float64) error {
	return d.blame(step, loss, func(terms []float64, x []float32, lo, rows int) error {
		return densities(ctx, d.net, terms, x, lo, rows)
	})
}

// densities are the scores of rows under a discrete flow.
func densities(ctx context.Context, net weights, loss []float64, x []float32, _, rows int) error {
	_, err := net.(bijection.Trainable).Gradient(ctx, nil, loss, x, nil, rows)
	return err
}
