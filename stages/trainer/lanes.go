package trainer

import (
	"context"

	"github.com/pathline/pathline/stages/model"
)

// The numbers here belong to the results: other ones round sums in another
// order (docs/decisions/010).
const (
	// maxLanes bounds the partial gradients that are kept apart, and so the
	// workers that a step can use.
	maxLanes = 16
	// laneRows is how many rows a lane has at least, when the batch has them:
	// a gradient of a large network is read and written once per tile, so that
	// its lanes get more rows.
	laneRows, laneRowsMedium, laneRowsLarge = 64, 128, 256
	mediumNetwork, largeNetwork             = 1 << 16, 1 << 18 // weights, above which a network is that
	// rowsTogether is what lanes and tiles are multiples of, where that is
	// possible: the blocks of rows that products are made of.
	rowsTogether = 16
)

// lanes sum the gradient of a batch in an order that does not depend on the
// number of workers. The batch is cut into lanes of consecutive rows, a lane
// into tiles. A lane adds its tiles in their order; the lanes are added by
// descent.
type lanes struct {
	goal  objective
	crew  *crew
	begin []int         // lane i has rows begin[i] to begin[i+1]-1 of every batch
	grad  [][][]float32 // [lane][tensor][]; zero before the first batch of a step
	loss  []float64     // per lane, summed over the batches of a step
	errs  []error       // per lane

	ctx  context.Context // of the batch at hand
	lane func(int)       // lanes.oneLane, made once

	whole // of a vector field that gets whole batches; grad then has one lane, the sum of all
}

// newLanes makes the lanes of batches; who has an objective for them sets goal,
// and grad where it is not for each lane.
func newLanes(net weights, batch int, c *crew) *lanes {
	size := 0
	for _, t := range net.Tensors() {
		size += len(t.Data)
	}
	count := laneCount(batch, size)
	l := &lanes{crew: c, begin: cut(batch, count), loss: make([]float64, count), errs: make([]error, count)}
	l.lane = l.oneLane
	return l
}

// match gives the lanes the objective of a vector field.
func (l *lanes) match(net model.Network, x *examples) {
	m := &matching{net: net, x: x}
	if l.goal = m; x.o.Weight == nil && l.takesWhole(net, x) {
		return
	}
	l.apart(net)
	for i := range l.loss {
		m.tile = append(m.tile, newTile(l.mostRows(i), x.layout))
	}
}

// apart makes a gradient for each lane.
func (l *lanes) apart(net weights) {
	for range l.loss {
		l.grad = append(l.grad, like(net.Tensors()))
	}
}

// mostRows is how many rows a tile of a lane has at most.
func (l *lanes) mostRows(lane int) int { return min(tileRows, l.begin[lane+1]-l.begin[lane]) }

// laneCount is the number of lanes of a batch.
func laneCount(batch, weights int) int {
	rows := laneRows
	switch {
	case weights > largeNetwork:
		rows = laneRowsLarge
	case weights > mediumNetwork:
		rows = laneRowsMedium
	}
	return min((batch+rows-1)/rows, maxLanes)
}

// cut are the bounds of parts of rows: parts of about equal length, all but the
// last multiples of rowsTogether. Every part has a row when there are at least
// rowsTogether times as many as parts.
func cut(rows, parts int) []int {
	begin := make([]int, parts+1)
	together := (rows + rowsTogether - 1) / rowsTogether
	for i := range begin {
		begin[i] = min(i*together/parts*rowsTogether, rows)
	}
	return begin
}

// like makes one slice of zeros per tensor.
func like(tensors []model.Tensor) [][]float32 {
	out := make([][]float32, len(tensors))
	for i, t := range tensors {
		out[i] = make([]float32, len(t.Data))
	}
	return out
}

// add adds the gradient of the batch at hand to the lanes and gives the sum of
// the losses of the step's batches so far, in the order of lanes.
func (l *lanes) add(ctx context.Context) (loss float64, err error) {
	if l.batched != nil {
		err = l.addWhole(ctx)
	} else {
		l.ctx = ctx
		l.crew.run(len(l.grad), l.lane)
		for _, e := range l.errs {
			if err == nil {
				err = e
			}
		}
	}
	if err != nil {
		return 0, err
	}
	for _, v := range l.loss {
		loss += v
	}
	return loss, nil
}

func (l *lanes) oneLane(lane int) {
	lo, end := l.begin[lane], l.begin[lane+1]
	for lo < end {
		hi := tileEnd(lo, end)
		loss, err := l.goal.add(l.ctx, lane, lo, hi, l.grad[lane])
		if l.errs[lane] = err; err != nil {
			return
		}
		l.loss[lane] += loss
		lo = hi
	}
}

// tileEnd is where the tile of a lane ends that begins at lo: tiles are of about
// equal length.
func tileEnd(lo, end int) int {
	rows := end - lo
	tiles := (rows + tileRows - 1) / tileRows
	each := (rows + tiles - 1) / tiles
	return min(lo+(each+rowsTogether-1)/rowsTogether*rowsTogether, end)
}
