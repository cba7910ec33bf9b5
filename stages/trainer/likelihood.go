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

// MaximumLikelihood fits a bijection to rows of dim columns: step k minimises the
// mean negative log-density of a batch of B rows, in nats,
//
//	-1/B sum_i (log p0(z_i) + log|det dz_i/dx_i|),   z_i = Normalize(x_i)
//
// or of several batches together where gradients are accumulated. Options that
// belong to a path (Path, Coupling, Time, Target) and Valid are not looked at;
// valid, which may be nil, is validated. Layers that begin from data (actnorm)
// take the rows of the first batch. The weights have the same bits for any number
// of workers, and after any number of interruptions.
func MaximumLikelihood(ctx context.Context, def bijection.Definition, dim int, rows Rows, valid *HeldOut, o Options) (*Fitted, error) {
	l, err := newDensityLoop(def, dim, rows, valid, o)
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

func newDensityLoop(def bijection.Definition, dim int, rows Rows, valid *HeldOut, o Options) (*loop, error) {
	net, err := def.Bijection(dim)
	if err != nil {
		return nil, err
	}
	l := bare(net, rows, o)
	if o.needsMean() {
		if l.mean, err = def.Bijection(dim); err != nil {
			return nil, err
		}
	}
	if valid != nil {
		l.valid = valid
	}
	l.crew = newCrew(o.Workers)
	l.lanes = newLanes(net, o.Batch, l.crew)
	l.lanes.apart(net)
	d := &density{net: net, o: &l.o, rows: rows, dim: dim, number: make([]int64, o.Batch)}
	if d.table, _ = rows.(indexed); d.table == nil {
		d.batch = make([]float32, o.Batch*dim)
	}
	for i := range l.lanes.loss {
		d.tile = append(d.tile, make([]float32, l.lanes.mostRows(i)*dim))
	}
	l.lanes.goal = d
	if s, ok := net.(bijection.Started); ok {
		l.start = func(ctx context.Context) error { return d.start(ctx, s) }
	}
	return l, l.descend()
}

// density is the objective of maximum likelihood.
type density struct {
	net  bijection.Trainable
	o    *Options
	rows Rows
	dim  int

	number []int64   // of the rows of the batch at hand
	table  indexed   // rows are copied tile by tile; nil when batch has them
	batch  []float32 // [batch][dim]
	tile   [][]float32
}

func (d *density) next(ctx context.Context, _ int64, _ int) error {
	if d.table != nil {
		d.table.numbers(d.number)
		return nil
	}
	return d.rows.Next(ctx, d.batch, d.number)
}

func (d *density) entries() int { return 1 }

func (d *density) add(ctx context.Context, lane, lo, hi int, grad [][]float32) (float64, error) {
	return d.net.Gradient(ctx, grad, nil, d.fill(d.tile[lane], lo, hi), nil, hi-lo)
}

// fill gives examples lo..hi-1 of the batch at hand.
func (d *density) fill(tile []float32, lo, hi int) []float32 {
	if d.table == nil {
		return d.batch[lo*d.dim : hi*d.dim]
	}
	tile = tile[:(hi-lo)*d.dim]
	d.table.gather(tile, d.number[lo:hi])
	return tile
}

// start gives layers that begin from data the rows of the first batch, which
// come again in the first step.
func (d *density) start(ctx context.Context, s bijection.Started) error {
	at := d.rows.Cursor()
	x := make([]float32, d.o.Batch*d.dim)
	if err := d.rows.Next(ctx, x, d.number); err != nil {
		return err
	}
	if err := s.Start(ctx, x, d.o.Batch); err != nil {
		return err
	}
	return d.rows.Seek(ctx, at)
}

func (d *density) diverged(ctx context.Context, step int64, loss float64) error {
	x, terms := make([]float32, tileRows*d.dim), make([]float64, tileRows)
	var bad, broken named
	for lo := 0; lo < d.o.Batch; lo += tileRows {
		hi := min(lo+tileRows, d.o.Batch)
		rows := d.fill(x, lo, hi)
		if _, err := d.net.Gradient(ctx, nil, terms, rows, nil, hi-lo); err != nil {
			return err
		}
		for i, n := range d.number[lo:hi] {
			if !finite(norm2(rows[i*d.dim : (i+1)*d.dim])) {
				broken.add(n)
			}
			if !finite(terms[i]) {
				bad.add(n)
			}
		}
	}
	return lossOf(step, loss, broken, bad)
}

// HeldOut are rows whose mean negative log-density is the validation loss.
type HeldOut struct {
	x      []float32 // [rows][dim]
	number []int64   // of the rows in their table
	loss   []float64 // per row
}

// NewHeldOut takes rows x [rows][dim] with their numbers; see Sample.
func NewHeldOut(x []float32, number []int64) *HeldOut {
	if len(number) == 0 || len(x)%len(number) != 0 {
		panic("trainer: held-out rows and their numbers differ in length")
	}
	return &HeldOut{x: x, number: number, loss: make([]float64, len(number))}
}

func (h *HeldOut) evaluate(ctx context.Context, of weights, c *crew) (mean, se float64, err error) {
	net, rows := of.(bijection.Trainable), len(h.number)
	d := len(h.x) / rows
	blocks := (rows + tileRows - 1) / tileRows
	errs := make([]error, blocks)
	c.run(blocks, func(b int) {
		lo, hi := b*tileRows, min((b+1)*tileRows, rows)
		_, errs[b] = net.Gradient(ctx, nil, h.loss[lo:hi], h.x[lo*d:hi*d], nil, hi-lo)
	})
	for _, e := range errs {
		if e != nil {
			return 0, 0, e
		}
	}
	mean, se = spread(h.loss)
	return mean, se, nil
}

func (h *HeldOut) diverged(step int64, loss float64) error {
	return notFinite(step, loss, h.loss, h.number)
}
