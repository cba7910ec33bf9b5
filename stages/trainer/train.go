package trainer

import (
	"context"
	"slices"
	"time"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/optim"
)

// Result is a trained network.
type Result struct {
	// Network has the weights to use: the average when there is one.
	Network model.Network
	State   *State
}

// Train fits a network to rows by conditional flow matching (Lipman et al.
// 2023, eq. 14; Tong et al. 2024, algorithm 1): step k minimises
//
//	1/(B d) sum_i |f(t_i, x_i) - u_i|²,   x_i = alpha x1_i + sigma x0_i + gamma e_i
//
// over a batch of B rows x1 of d columns, noise x0 ~ N(0, I) coupled to them or
// brought by the rows, times t, and u the target of Options; over several batches
// together where gradients are accumulated. The network also gets the conditions
// that layout says the rows have. A time outside of the path's Domain is moved to its
// nearest end, for the path and the network alike.
// The weights have the same bits for any number of workers, and after any
// number of interruptions.
func Train(ctx context.Context, def model.Definition, layout Layout, rows Rows, o Options) (*Result, error) {
	l, err := newLoop(def, layout, rows, o)
	if err != nil {
		return nil, err
	}
	defer l.crew.dismiss()
	defer l.examples.ahead.wait()
	if err := l.begin(ctx); err != nil {
		return nil, err
	}
	for l.Step < o.Steps {
		select {
		case <-o.Stop:
			if err := l.save(); err != nil {
				return nil, err
			}
			return nil, ErrStopped
		default:
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := l.step(ctx); err != nil {
			return nil, err
		}
		if err := l.between(ctx); err != nil {
			return nil, err
		}
	}
	if !l.finite() {
		return nil, schemas.Errorf(schemas.Numerical, "step %d: the weights are not finite after the last step", l.Step).Suggest(advice)
	}
	return &Result{Network: l.best(), State: &l.State}, nil
}

// loop is a training between two steps: what changes is in State.
type loop struct {
	State
	o    Options
	net  model.Network
	mean model.Network // gets the weights of the average when it is asked for
	rows Rows
	crew *crew

	// A step: examples make a batch, lanes its gradient, the descent an update.
	examples *examples
	lanes    *lanes
	descent  *descent

	rate     float64 // learning rate of the last step
	pace     pace
	reported time.Time
}

func newLoop(def model.Definition, layout Layout, rows Rows, o Options) (*loop, error) {
	if o.Steps < 1 || o.Batch < 1 || o.Accumulate < 0 || o.EMA < 0 || o.EMA >= 1 || o.Clip < 0 || o.Path == nil || o.Time == nil || o.Rule == nil {
		panic("trainer: options out of range")
	}
	net, err := model.Build(def, layout.Dim, layout.Held)
	if err != nil {
		return nil, err
	}
	l := &loop{o: o, net: net, rows: rows}
	if o.Schedule == nil {
		l.o.Schedule = optim.Constant{}
	}
	if o.EMA > 0 {
		if l.mean, err = model.Build(def, layout.Dim, layout.Held); err != nil {
			return nil, err
		}
	}
	if _, far := net.(model.Batched); far {
		l.crew = newPatientCrew(o.Workers)
	} else {
		l.crew = newCrew(o.Workers)
	}
	l.examples = newExamples(&l.o, rows, layout, l.crew)
	l.lanes = newLanes(net, l.examples)
	if l.descent, err = newDescent(&l.o, net, l.lanes.grad, l.crew); err != nil {
		l.crew.dismiss()
		return nil, err
	}
	return l, nil
}

// begin draws the weights, or takes up where a state left.
func (l *loop) begin(ctx context.Context) error {
	l.pace.start()
	l.net.Init(l.o.Keys.Init)
	if l.o.EMA > 0 {
		var err error
		if l.descent.ema, err = optim.NewEMA(l.o.EMA, true, l.descent.params); err != nil {
			return err
		}
	}
	if l.o.Resume != nil {
		if err := l.restore(ctx, l.o.Resume); err != nil {
			return err
		}
	}
	l.Points = slices.Grow(l.Points, l.o.points()) // so that no step allocates
	return nil
}

// data are the weights of a network, one slice per tensor.
func data(net model.Network) [][]float32 {
	tensors := net.Tensors()
	out := make([][]float32, len(tensors))
	for i, t := range tensors {
		out[i] = t.Data
	}
	return out
}

// best is the network to evaluate and to keep.
func (l *loop) best() model.Network {
	if l.descent.ema == nil {
		return l.net
	}
	for i, w := range l.descent.ema.Weights() {
		copy(data(l.mean)[i], w)
	}
	l.mean.Changed(l.crew.share)
	return l.mean
}

// step makes one update, from Accumulate batches.
func (l *loop) step(ctx context.Context) error {
	entries := float64(l.o.rows()) * float64(l.examples.layout.Dim)
	var loss float64
	clear(l.lanes.loss)
	for part := range l.o.parts() {
		if err := l.examples.next(ctx, l.Step, part); err != nil {
			return err
		}
		sum, err := l.lanes.add(ctx)
		if err != nil {
			return err
		}
		if loss = sum / entries; !finite(loss) {
			return l.diverged(ctx, loss)
		}
	}
	l.rate = l.o.LR * l.o.Schedule.LR(int(l.Step), int(l.o.Steps))
	norm := l.descent.step(l.rate, entries)
	if !finite(norm) {
		return schemas.Errorf(schemas.Numerical, "step %d: the gradient is not finite at a loss of %v", l.Step+1, loss).Suggest(advice)
	}
	l.Step++
	l.Since++
	l.LossSum += loss
	l.NormSum += norm
	l.LastLoss = loss
	l.pace.rows += int64(l.o.rows())
	return nil
}
