package trainer

import (
	"context"
	"sync/atomic"

	"github.com/pathline/pathline/stages/model"
)

// whole is what lanes need of a network that gets whole batches: one in another
// process, which a call costs more than some rows (docs/decisions/013).
type whole struct {
	batched model.Batched // nil for other networks
	x       *examples
	tile    []*tile // per tileRows rows of a batch
	batch   model.Batch
	tiles   []float64 // losses of the tiles of its lanes
	fill    func(int) // lanes.fillTile, made once
	fault   atomic.Pointer[error]
}

// takesWhole says whether a network is asked for the gradient of whole batches,
// cut as they are for others, and prepares for it.
func (l *lanes) takesWhole(net model.Network, x *examples) bool {
	b, ok := net.(model.Batched)
	if !ok {
		return false
	}
	rows, d := x.o.Batch, x.layout.Input()
	l.batched, l.x, l.fill = b, x, l.fillTile
	l.grad = [][][]float32{like(net.Tensors())}
	l.batch = model.Batch{T: make([]float64, rows), X: make([]float32, rows*d), Target: make([]float32, rows*d), Rows: rows}
	for i := range l.loss {
		lane := []int{l.begin[i]}
		for lo, end := l.begin[i], l.begin[i+1]; lo < end; {
			lo = tileEnd(lo, end)
			lane = append(lane, lo)
		}
		l.batch.Lanes = append(l.batch.Lanes, lane)
	}
	l.tiles = make([]float64, l.batch.Lanes.Tiles())
	for lo := 0; lo < rows; lo += tileRows {
		hi := min(lo+tileRows, rows)
		s := newTile(hi-lo, l.x.layout)
		in, want := l.batch.X[lo*d:hi*d], l.batch.Target[lo*d:hi*d]
		if s.in, s.want = in, want; l.x.layout.Held == 0 {
			s.xt, s.target = in, want
		}
		l.tile = append(l.tile, s)
	}
	return true
}

// fillTile makes some rows of the batch.
func (l *lanes) fillTile(i int) {
	s, lo := l.tile[i], i*tileRows
	hi := min(lo+tileRows, l.batch.Rows)
	err := l.x.fill(s, lo, hi)
	copy(l.batch.T[lo:hi], s.t)
	if err != nil {
		l.fault.CompareAndSwap(nil, &err)
	}
}

// addWhole is add for such a network.
func (l *lanes) addWhole(ctx context.Context) error {
	b := l.batch
	if x := l.x; x.xt != nil && x.layout.Held == 0 { // a distant path has made all of it
		b.T, b.X, b.Target = x.t, x.xt, x.ut
	} else {
		l.crew.run(len(l.tile), l.fill)
		if err := l.fault.Swap(nil); err != nil {
			return *err
		}
	}
	b.First, b.Last = l.x.place == 0, l.x.place+b.Rows == l.x.o.rows()
	if err := l.batched.BatchGradient(ctx, l.grad[0], l.tiles, b); err != nil {
		return err
	}
	tiles := l.tiles
	for i, lane := range b.Lanes {
		for range lane[1:] {
			l.loss[i] += tiles[0]
			tiles = tiles[1:]
		}
	}
	return nil
}
