package trainer

import (
	"context"
	"errors"
	"fmt"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/cnf"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/solver"
)

// Continuous says how a vector field is trained by maximum likelihood.
type Continuous struct {
	// Loss without its key: probes of example p are drawn by Keys.Noise, those of
	// row r of the validation by Keys.ValidNoise.
	Loss cnf.Loss
}

// ContinuousLikelihood fits a vector field to rows: step k minimises the mean over a
// batch of
//
//	-log p(x) + Kinetic ∫ |v|²/2 dt + Jacobian ∫ |∂v/∂x|² dt
//
// in nats (Grathwohl et al. 2019; Finlay et al. 2020), or over several batches
// together where gradients are accumulated. Options that belong to a path (Path,
// Coupling, Time, Target) and Valid are not looked at; valid, which may be nil, is
// validated by its mean -log p(x). The weights have the same bits for any number of
// workers, and after any number of interruptions.
func ContinuousLikelihood(ctx context.Context, def model.Definition, layout Layout, rows Rows, valid *HeldOut, c Continuous, o Options) (*Result, error) {
	l, err := newContinuousLoop(def, layout, rows, valid, c, o)
	if err != nil {
		return nil, err
	}
	defer l.crew.dismiss()
	net, err := l.run(ctx)
	if err != nil {
		return nil, err
	}
	return &Result{Network: net.(model.Network), State: &l.State}, nil
}

func newContinuousLoop(def model.Definition, layout Layout, rows Rows, valid *HeldOut, c Continuous, o Options) (*loop, error) {
	build := func() (model.Network, error) { return model.Build(def, layout.Dim, layout.Held) }
	net, err := build()
	if err != nil {
		return nil, err
	}
	field, ok := net.(model.Reversible[float32])
	if !ok {
		return nil, schemas.Errorf(schemas.WrongPort, "the model %q has no reverse mode, which its likelihood needs", def.Use()).
			At("from.model").Suggest("train it by flow matching (use: cfm), or use mlp, resmlp or ffjord")
	}
	l := bare(net, rows, o)
	if o.needsMean() {
		if l.mean, err = build(); err != nil {
			return nil, err
		}
	}
	l.crew = newCrew(o.Workers)
	l.lanes = newLanes(net, o.Batch, l.crew)
	l.lanes.apart(net)
	goal := &continuous{taken: newTaken(&l.o, rows, layout.Input(), l.lanes)}
	c.Loss.Key = l.o.Keys.Noise
	for range l.lanes.loss {
		g, err := cnf.New(field, c.Loss)
		if err != nil {
			l.crew.dismiss()
			return nil, err
		}
		goal.lane = append(goal.lane, g)
	}
	l.lanes.goal = goal
	if valid != nil {
		c.Loss.Key = l.o.Keys.ValidNoise
		l.valid = scored{valid, arrivals(c.Loss, valid.number)}
	}
	return l, l.descend()
}

// continuous is the objective of maximum likelihood for a vector field.
type continuous struct {
	lane []*cnf.Gradient[float32]
	taken
	first int64 // number of the first example of the batch at hand
}

func (c *continuous) next(ctx context.Context, step int64, part int) error {
	c.first = step*int64(c.o.rows()) + int64(part)*int64(c.o.Batch)
	return c.take(ctx)
}

func (c *continuous) entries() int { return 1 }

func (c *continuous) add(ctx context.Context, lane, lo, hi int, grad [][]float32) (float64, error) {
	x := c.fill(c.tile[lane], lo, hi)
	s, err := c.lane[lane].Add(ctx, grad, nil, x, nil, c.first+int64(lo), hi-lo)
	if err != nil {
		return 0, c.lost(err, x, lo)
	}
	return s.Loss, nil
}

// lost says which row of the table did not arrive.
func (c *continuous) lost(err error, x []float32, lo int) error {
	var row *solver.RowError
	if !errors.As(err, &row) {
		return err
	}
	i := int(row.Row - c.first)
	n := c.number[i]
	if at := (i - lo) * c.width; !finite(norm2(x[at : at+c.width])) {
		return schemas.Errorf(schemas.NonFinite, "row %d of the data, counted from 0, is not finite", n).Suggest("drop or repair that row")
	}
	return schemas.Errorf(schemas.Numerical, "the solve of row %d, counted from 0, ended with %s", n, row.Status).Suggest(stiff)
}

const stiff = "lower optimizer.lr, set clip (1 is usual), add the regulariser kinetic, or let the solver take more evaluations"

func (c *continuous) diverged(ctx context.Context, step int64, loss float64) error {
	return c.blame(step, loss, func(terms []float64, x []float32, lo, rows int) error {
		err := c.lane[0].Score(ctx, terms, x, c.first+int64(lo), rows)
		var row *solver.RowError
		if errors.As(err, &row) {
			return nil // its term is no number
		}
		return err
	})
}

// arrivals are the scores of held-out rows with these numbers under a vector field.
func arrivals(loss cnf.Loss, number []int64) score {
	return func(ctx context.Context, net weights, nll []float64, x []float32, first, rows int) error {
		g, err := cnf.New(net.(model.Reversible[float32]), loss)
		if err == nil {
			err = g.Score(ctx, nll, x, int64(first), rows)
		}
		var row *solver.RowError
		if errors.As(err, &row) {
			err = schemas.Errorf(schemas.Numerical, "the solve of row %d of the validation data, counted from 0, ended with %s", number[row.Row], row.Status).Suggest(stiff)
		}
		if err != nil {
			return fmt.Errorf("validation: %w", err)
		}
		return nil
	}
}
