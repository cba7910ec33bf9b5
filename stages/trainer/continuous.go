package trainer

import (
	"context"
	"errors"
	"fmt"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/cnf"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// Continuous says how a vector field is trained by maximum likelihood.
type Continuous struct {
	// Loss without its key: probes of example p are drawn by Keys.Noise, those of
	// row r of the validation by Keys.ValidNoise.
	Loss cnf.Loss
	// Start are the weights to begin with, those of a flow that was trained before;
	// nil draws them.
	Start []model.Tensor
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
func ContinuousLikelihood(ctx context.Context, def model.Definition, layout Layout, rows Rows, valid *Scored, c Continuous, o Options) (*Result, error) {
	l, err := newContinuousLoop(def, layout, rows, valid, c, o)
	if err != nil {
		return nil, err
	}
	defer l.crew.dismiss()
	net, err := l.run(ctx)
	if err != nil {
		return nil, err
	}
	if s, ok := net.(*started); ok {
		net = s.Network
	}
	return &Result{Network: net.(model.Network), State: &l.State}, nil
}

func newContinuousLoop(def model.Definition, layout Layout, rows Rows, valid *Scored, c Continuous, o Options) (*loop, error) {
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
	var first weights = net
	if c.Start != nil {
		first = &started{net, c.Start}
	}
	l := bare(first, rows, o)
	if o.needsMean() {
		if l.mean, err = build(); err != nil {
			return nil, err
		}
	}
	l.crew = newCrew(o.Workers)
	l.lanes = newLanes(net, o.Batch, l.crew)
	l.lanes.apart(net)
	width := layout.Input()
	goal := &continuous{o: &l.o, rows: rows, dim: width, number: make([]int64, o.Batch)}
	if goal.table, _ = rows.(indexed); goal.table == nil {
		goal.batch = make([]float32, o.Batch*width)
	}
	c.Loss.Key = l.o.Keys.Noise
	for i := range l.lanes.loss {
		goal.tile = append(goal.tile, make([]float32, l.lanes.mostRows(i)*width))
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
		l.valid = &heldOutField{valid, c.Loss}
	}
	return l, l.descend()
}

// started is a network that begins with given weights.
type started struct {
	model.Network
	from []model.Tensor
}

// Init takes the weights.
func (s *started) Init(random.Key) {
	for i, w := range data(s.Network) {
		copy(w, s.from[i].Data)
	}
	s.Changed(nil)
}

// continuous is the objective of maximum likelihood for a vector field.
type continuous struct {
	lane []*cnf.Gradient[float32]
	o    *Options
	rows Rows
	dim  int // columns of a row, conditions included

	first  int64     // number of the first example of the batch at hand
	number []int64   // of its rows
	table  indexed   // rows are copied tile by tile; nil when batch has them
	batch  []float32 // [batch][dim]
	tile   [][]float32
}

func (c *continuous) next(ctx context.Context, step int64, part int) error {
	c.first = step*int64(c.o.rows()) + int64(part)*int64(c.o.Batch)
	if c.table != nil {
		c.table.numbers(c.number)
		return nil
	}
	return c.rows.Next(ctx, c.batch, c.number)
}

func (c *continuous) entries() int { return 1 }

// fill gives examples lo..hi-1 of the batch at hand.
func (c *continuous) fill(tile []float32, lo, hi int) []float32 {
	if c.table == nil {
		return c.batch[lo*c.dim : hi*c.dim]
	}
	tile = tile[:(hi-lo)*c.dim]
	c.table.gather(tile, c.number[lo:hi])
	return tile
}

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
	if at := (i - lo) * c.dim; !finite(norm2(x[at : at+c.dim])) {
		return schemas.Errorf(schemas.NonFinite, "row %d of the data, counted from 0, is not finite", n).Suggest("drop or repair that row")
	}
	return schemas.Errorf(schemas.Numerical, "the solve of row %d, counted from 0, ended with %s", n, row.Status).Suggest(stiff)
}

const stiff = "lower optimizer.lr, set clip (1 is usual), add the regulariser kinetic, or let the solver take more evaluations"

func (c *continuous) diverged(ctx context.Context, step int64, loss float64) error {
	x, terms := make([]float32, tileRows*c.dim), make([]float64, tileRows)
	var bad, broken named
	for lo := 0; lo < c.o.Batch; lo += tileRows {
		hi := min(lo+tileRows, c.o.Batch)
		rows := c.fill(x, lo, hi)
		for i, n := range c.number[lo:hi] {
			if !finite(norm2(rows[i*c.dim : (i+1)*c.dim])) {
				broken.add(n)
			}
			one := rows[i*c.dim : (i+1)*c.dim]
			if err := c.lane[0].Score(ctx, terms[:1], one, c.first+int64(lo+i), 1); err != nil || !finite(terms[0]) {
				bad.add(n)
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return lossOf(step, loss, broken, bad)
}

// Scored are rows whose mean -log p(x) is the validation loss of a vector field.
type Scored struct {
	x      []float32 // [rows][dim]
	number []int64   // of the rows in their table
	nll    []float64 // per row
}

// NewScored takes rows x [rows][dim] with their numbers; see Sample.
func NewScored(x []float32, number []int64) *Scored {
	if len(number) == 0 || len(x)%len(number) != 0 {
		panic("trainer: held-out rows and their numbers differ in length")
	}
	return &Scored{x: x, number: number, nll: make([]float64, len(number))}
}

// heldOutField are such rows with the loss that scores them.
type heldOutField struct {
	*Scored
	loss cnf.Loss
}

func (s *heldOutField) diverged(step int64, loss float64) error {
	return notFinite(step, loss, s.nll, s.number)
}

func (s *heldOutField) evaluate(ctx context.Context, net weights, c *crew) (mean, se float64, err error) {
	if n, ok := net.(*started); ok {
		net = n.Network
	}
	field, rows := net.(model.Reversible[float32]), len(s.number)
	d := len(s.x) / rows
	blocks := (rows + tileRows - 1) / tileRows
	errs := make([]error, blocks)
	c.run(blocks, func(b int) {
		lo, hi := b*tileRows, min((b+1)*tileRows, rows)
		g, err := cnf.New(field, s.loss)
		if err == nil {
			err = g.Score(ctx, s.nll[lo:hi], s.x[lo*d:hi*d], int64(lo), hi-lo)
		}
		errs[b] = err
	})
	for _, err := range errs {
		var row *solver.RowError
		if errors.As(err, &row) {
			err = schemas.Errorf(schemas.Numerical, "the solve of row %d of the validation data, counted from 0, ended with %s", s.number[row.Row], row.Status).Suggest(stiff)
		}
		if err != nil {
			return 0, 0, fmt.Errorf("validation: %w", err)
		}
	}
	mean, se = spread(s.nll)
	return mean, se, nil
}
