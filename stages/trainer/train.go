package trainer

import (
	"context"
	"slices"
	"time"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/optim"
	"github.com/pathline/pathline/stages/path"
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
// with another loss of f - u, and weights over time, where Options say so,
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
	defer l.examples.coupled.Close()
	net, err := l.run(ctx)
	if err != nil {
		return nil, err
	}
	return &Result{Network: net.(model.Network), State: &l.State}, nil
}

// run makes all steps and gives the network to keep.
func (l *loop) run(ctx context.Context) (weights, error) {
	if err := l.begin(ctx); err != nil {
		return nil, err
	}
	for !l.over() {
		select {
		case <-l.o.Stop:
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
	net := l.best()
	if l.Kept != nil {
		net = l.load(l.Kept)
	}
	for _, w := range data(net) {
		for _, v := range w {
			if !finite(float64(v)) {
				return nil, schemas.Errorf(schemas.Numerical, "step %d: the weights are not finite after the last step", l.Step).Suggest(advice)
			}
		}
	}
	return net, nil
}

// over says whether the last step is done, or the validations have not become
// better for as long as there is patience.
func (l *loop) over() bool {
	patience := l.o.Patience * l.o.ValidateEvery
	return l.Step >= l.o.Steps || patience > 0 && l.Best != nil && l.Step-l.BestStep >= patience
}

// loop is a training between two steps: what changes is in State.
type loop struct {
	State
	o    Options
	net  weights
	mean weights // gets the weights of the average when it is asked for
	rows Rows
	crew *crew

	// A step: the objective makes a batch, lanes its gradient, the descent an
	// update.
	lanes    *lanes
	descent  *descent
	examples *examples                       // of conditional flow matching
	valid    heldOut                         // nil without
	start    func(ctx context.Context) error // takes first weights from data; nil without

	rate     float64 // learning rate of the last step
	pace     pace
	reported time.Time
}

func newLoop(def model.Definition, layout Layout, rows Rows, o Options) (*loop, error) {
	if _, curved := path.SamplerOf(o.Path); o.Path == nil || o.Time == nil || o.Drop < 0 || o.Drop >= 1 || o.Weight != nil && curved {
		panic("trainer: options out of range")
	}
	net, err := model.Build(def, layout.Dim, layout.Held)
	if err != nil {
		return nil, err
	}
	if o.Loss != nil {
		r, ok := net.(model.Robust)
		if !ok {
			return nil, oneLoss(def)
		}
		r.UseLoss(o.Loss)
	}
	l := bare(net, rows, o)
	if o.needsMean() {
		if l.mean, err = model.Build(def, layout.Dim, layout.Held); err != nil {
			return nil, err
		}
	}
	if _, far := net.(model.Batched); far {
		l.crew = newPatientCrew(o.Workers)
	} else {
		l.crew = newCrew(o.Workers)
	}
	if o.Valid != nil {
		l.valid = o.Valid
	}
	l.examples = newExamples(&l.o, rows, layout, l.crew)
	l.rows = l.examples.rows
	l.lanes = newLanes(net, o.Batch, l.crew)
	l.lanes.match(net, l.examples)
	return l, l.descend()
}

func oneLoss(def model.Definition) error {
	return schemas.Errorf(schemas.Conflict, "the network of %s, which is in another process, has no other loss than the squared error", def.Use()).
		At("loss").Suggest("leave out loss, or train a model of this program")
}

// bare is a loop without a crew and an objective.
func bare(net weights, rows Rows, o Options) *loop {
	if o.Steps < 1 || o.Batch < 1 || o.Accumulate < 0 || o.EMA < 0 || o.EMA >= 1 || o.Clip < 0 || o.Patience < 0 || o.Rule == nil {
		panic("trainer: options out of range")
	}
	l := &loop{o: o, net: net, rows: rows}
	if o.Schedule == nil {
		l.o.Schedule = optim.Constant{}
	}
	return l
}

// descend makes the second half of a step.
func (l *loop) descend() (err error) {
	if l.descent, err = newDescent(&l.o, l.net, l.lanes.grad, l.crew); err != nil {
		l.crew.dismiss()
	}
	return err
}

// take begins with weights of another network of the same definition.
func (l *loop) take(start []model.Tensor) error {
	if err := model.Copy(l.net.Tensors(), start); err != nil {
		return schemas.Errorf(schemas.CorruptFile, "the weights to begin with are not those of the model: %w", err)
	}
	l.net.Changed(l.crew.share)
	return nil
}

// begin draws the weights, or takes up where a state left.
func (l *loop) begin(ctx context.Context) error {
	l.pace.start()
	l.net.Init(l.o.Keys.Init)
	if l.o.Start != nil {
		if err := l.take(l.o.Start); err != nil {
			return err
		}
	}
	if l.start != nil && l.o.Start == nil && l.o.Resume == nil {
		if err := l.start(ctx); err != nil {
			return err
		}
	}
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
func data(net weights) [][]float32 {
	tensors := net.Tensors()
	out := make([][]float32, len(tensors))
	for i, t := range tensors {
		out[i] = t.Data
	}
	return out
}

// best is the network to evaluate and to keep.
func (l *loop) best() weights {
	if l.descent.ema == nil {
		return l.net
	}
	return l.load(l.descent.ema.Weights())
}

// load puts weights into the second network.
func (l *loop) load(w [][]float32) weights {
	for i, to := range data(l.mean) {
		copy(to, w[i])
	}
	l.mean.Changed(l.crew.share)
	return l.mean
}

// coupled are the rows that a coupling pairs, or nil.
func (l *loop) coupled() *coupled {
	if l.examples == nil {
		return nil
	}
	return l.examples.coupled
}

// step makes one update, from Accumulate batches.
func (l *loop) step(ctx context.Context) error {
	entries := float64(l.o.rows()) * float64(l.lanes.goal.entries())
	var loss float64
	clear(l.lanes.loss)
	for part := range l.o.parts() {
		if err := l.lanes.goal.next(ctx, l.Step, part); err != nil {
			return err
		}
		sum, err := l.lanes.add(ctx)
		if err != nil {
			return err
		}
		if loss = sum / entries; !finite(loss) {
			return l.lanes.goal.diverged(ctx, l.Step+1, loss)
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
	if c := l.coupled(); c != nil {
		l.Transport.add(c.transport)
		c.transport = Transport{}
	}
	return nil
}
