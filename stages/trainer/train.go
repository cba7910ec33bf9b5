package trainer

import (
	"context"
	"fmt"
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
// over a batch of B rows x1, noise x0 ~ N(0, I) coupled to them, times t, and
// u the target of Options. A time outside of the path's Domain is moved to its
// nearest end, for the path and the network alike.
// The weights have the same bits for any number of workers, and after any
// number of interruptions.
func Train(ctx context.Context, def model.Definition, dim int, rows Rows, o Options) (*Result, error) {
	l, err := newLoop(def, dim, rows, o)
	if err != nil {
		return nil, err
	}
	defer l.crew.dismiss()
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
	o      Options
	net    model.Network
	params [][]float32
	rule   optim.Optimizer
	ema    *optim.EMA    // nil without
	mean   model.Network // gets the weights of ema when it is asked for

	rows   Rows
	crew   *crew
	lanes  *lanes
	lo, hi float64 // where the path is differentiable

	// The batch. Example i has the row x1, the time t and, when the path has
	// one, the second noise e; its noise x0 is put where the coupling says.
	// fresh is the noise as drawn.
	number     []int64
	x1, fresh  []float32
	x0, e      []float32
	xt, target []float32
	t          []float64
	coef       []path.Coef
	index      []int32

	noise, mix func(int) // pieces of work, made once

	rate     float64 // learning rate of the last step
	pace     pace
	reported time.Time
}

func newLoop(def model.Definition, dim int, rows Rows, o Options) (*loop, error) {
	if o.Steps < 1 || o.Batch < 1 || o.EMA < 0 || o.EMA >= 1 || o.Clip < 0 || o.Path == nil || o.Time == nil || o.Rule == nil {
		panic("trainer: options out of range")
	}
	net, err := def.Build(dim)
	if err != nil {
		return nil, err
	}
	b := o.Batch
	l := &loop{o: o, net: net, rows: rows,
		number: make([]int64, b), t: make([]float64, b), coef: make([]path.Coef, b), index: make([]int32, b),
		x1: make([]float32, b*dim), x0: make([]float32, b*dim), fresh: make([]float32, b*dim), xt: make([]float32, b*dim), target: make([]float32, b*dim)}
	if o.Schedule == nil {
		l.o.Schedule = optim.Constant{}
	}
	l.params = data(net)
	sizes := make([]int, len(l.params))
	for i, w := range l.params {
		sizes[i] = len(w)
	}
	if l.rule, err = o.Rule.New(sizes); err != nil {
		return nil, err
	}
	if o.EMA > 0 {
		if l.mean, err = def.Build(dim); err != nil {
			return nil, err
		}
	}
	l.lo, l.hi = path.Interior(o.Path)
	l.lanes = newLanes(net, b)
	l.noise, l.mix = l.drawBlock, l.mixBlock
	l.crew = newCrew(o.Workers)
	return l, nil
}

// begin draws the weights, or takes up where a state left.
func (l *loop) begin(ctx context.Context) error {
	l.pace.start()
	l.net.Init(l.o.Keys.Init)
	if l.o.EMA > 0 {
		var err error
		if l.ema, err = optim.NewEMA(l.o.EMA, true, l.params); err != nil {
			return err
		}
	}
	if l.o.Resume != nil {
		return l.restore(ctx, l.o.Resume)
	}
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
	if l.ema == nil {
		return l.net
	}
	for i, w := range l.ema.Weights() {
		copy(data(l.mean)[i], w)
	}
	l.mean.Changed(l.crew.run)
	return l.mean
}

// step trains one batch.
func (l *loop) step(ctx context.Context) error {
	if err := l.draw(ctx); err != nil {
		return err
	}
	loss, norm, err := l.lanes.gradient(ctx, l.crew, l.t, l.xt, l.target, l.o.Batch)
	if err != nil {
		return err
	}
	if !finite(loss) || !finite(norm) {
		return l.diverged(ctx, loss)
	}
	l.update(norm)
	l.Step++
	l.Since++
	l.LossSum += loss
	l.NormSum += norm
	l.LastLoss = loss
	l.pace.rows += int64(l.o.Batch)
	return nil
}

// draw makes the examples of the next step.
func (l *loop) draw(ctx context.Context) error {
	o, d := &l.o, l.net.Dim()
	if err := l.rows.Next(ctx, l.x1, l.number); err != nil {
		return err
	}
	o.Time.Times(l.t, o.Keys.Time, l.first())
	for i, t := range l.t {
		l.t[i] = min(max(t, l.lo), l.hi)
	}
	if err := o.Path.Coefficients(l.coef, l.t); err != nil {
		return err
	}
	if l.e == nil && gamma(l.coef) {
		l.e = make([]float32, o.Batch*d)
	}
	blocks := len(l.lanes.loss)
	l.crew.run(blocks, l.noise)
	if o.Coupling != nil {
		if err := o.Coupling.Pair(l.index, l.fresh, l.x1, o.Batch, d); err != nil {
			return err
		}
		if err := within(l.index, o.Batch); err != nil {
			return err
		}
	} else {
		for i := range l.index {
			l.index[i] = int32(i)
		}
	}
	l.crew.run(blocks, l.mix)
	return nil
}

// first is the number of the step's first example; see Keys.
func (l *loop) first() uint64 { return uint64(l.Step) * uint64(l.o.Batch) }

func (l *loop) drawBlock(b int) {
	d, first := l.net.Dim(), l.first()
	for i := b * blockRows; i < min((b+1)*blockRows, l.o.Batch); i++ {
		l.o.Keys.Noise.Normals32(l.fresh[i*d:(i+1)*d], first+uint64(i), 0)
		if l.e != nil {
			l.o.Keys.Bridge.Normals32(l.e[i*d:(i+1)*d], first+uint64(i), 0)
		}
	}
}

func (l *loop) mixBlock(b int) {
	d := l.net.Dim()
	lo, hi := b*blockRows, min((b+1)*blockRows, l.o.Batch)
	for i := lo; i < hi; i++ {
		j := int(l.index[i])
		copy(l.x0[i*d:(i+1)*d], l.fresh[j*d:(j+1)*d])
	}
	n, c := hi-lo, l.coef[lo:hi]
	lo, hi = lo*d, hi*d
	var e []float32
	if l.e != nil {
		e = l.e[lo:hi]
	}
	path.Interpolate(l.xt[lo:hi], nil, c, l.x0[lo:hi], l.x1[lo:hi], e, n, d)
	l.o.Target.Write(l.target[lo:hi], c, l.x0[lo:hi], l.x1[lo:hi], e, n, d)
}

// within refuses a coupling that names noise which is not there.
func within(index []int32, rows int) error {
	for i, j := range index {
		if j < 0 || int(j) >= rows {
			return fmt.Errorf("trainer: the coupling gives row %d of a batch the noise %d of %d", i, j, rows)
		}
	}
	return nil
}

// gamma says whether a second noise is needed.
func gamma(c []path.Coef) bool {
	for _, c := range c {
		if c.Gamma != 0 || c.DGamma != 0 {
			return true
		}
	}
	return false
}

// update changes the weights by the gradient, which has the given norm.
func (l *loop) update(norm float64) {
	grad := l.lanes.grad[0]
	if l.o.Clip > 0 && norm > l.o.Clip {
		scale := l.o.Clip / norm
		for _, g := range grad {
			for i := range g {
				g[i] = float32(float64(g[i]) * scale)
			}
		}
	}
	l.rate = l.o.LR * l.o.Schedule.LR(int(l.Step), int(l.o.Steps))
	l.rule.Step(l.rate, l.params, grad)
	l.net.Changed(l.crew.run)
	if l.ema != nil {
		l.ema.Update(l.params)
	}
}
