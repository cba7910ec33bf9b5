package trainer

import (
	"context"
	"math"

	"github.com/pathline/pathline/stages/model"
)

const (
	// blockRows is the number of rows whose gradient is one piece of work.
	blockRows = 64
	// maxLanes bounds the partial gradients that are kept apart, and so the
	// workers that a step can use. It belongs to the results: another number
	// rounds sums in another order.
	maxLanes = 16
	// sliceSize is the number of weights that one piece of a sum over lanes
	// takes.
	sliceSize = 4096
)

// lanes sum the gradient of a batch in an order that does not depend on the
// number of workers. Block b of 64 rows belongs to lane b mod L. A lane adds
// its blocks in their order; then the lanes are added in theirs, slice by slice
// of the weights, and the squared norms of slices in the order of the slices.
type lanes struct {
	net    model.Network
	grad   [][][]float32 // [lane][tensor][]; lane 0 has the sum afterwards
	slices []weights
	square []float64 // per slice
	loss   []float64 // per block
	errs   []error   // per lane

	// The batch at hand.
	ctx    context.Context
	t      []float64
	xt, ut []float32
	dim    int
	rows   int
	scale  float32

	lane, sum func(int) // lanes.oneLane and lanes.oneSlice, made once
}

// weights are elements [lo, hi) of a tensor.
type weights struct{ tensor, lo, hi int }

func newLanes(net model.Network, batch int) *lanes {
	blocks := (batch + blockRows - 1) / blockRows
	l := &lanes{net: net, dim: net.Dim(), loss: make([]float64, blocks)}
	tensors := net.Tensors()
	for range min(blocks, maxLanes) {
		l.grad = append(l.grad, like(tensors))
	}
	for i, t := range tensors {
		for lo := 0; lo < len(t.Data); lo += sliceSize {
			l.slices = append(l.slices, weights{i, lo, min(lo+sliceSize, len(t.Data))})
		}
	}
	l.square = make([]float64, len(l.slices))
	l.errs = make([]error, len(l.grad))
	l.lane, l.sum = l.oneLane, l.oneSlice
	return l
}

// like makes one slice of zeros per tensor.
func like(tensors []model.Tensor) [][]float32 {
	out := make([][]float32, len(tensors))
	for i, t := range tensors {
		out[i] = make([]float32, len(t.Data))
	}
	return out
}

// gradient is the mean loss of a batch; afterwards grad[0] is its gradient, and
// norm the gradient's Euclidean norm.
func (l *lanes) gradient(ctx context.Context, c *crew, t []float64, xt, ut []float32, rows int) (loss, norm float64, err error) {
	entries := float64(rows) * float64(l.dim)
	l.ctx, l.t, l.xt, l.ut, l.rows, l.scale = ctx, t, xt, ut, rows, float32(1/entries)
	c.run(len(l.grad), l.lane)
	for _, e := range l.errs {
		if e != nil {
			return 0, 0, e
		}
	}
	c.run(len(l.slices), l.sum)
	for _, v := range l.loss {
		loss += v
	}
	for _, v := range l.square {
		norm += v
	}
	return loss / entries, math.Sqrt(norm), nil
}

func (l *lanes) oneLane(lane int) {
	grad, d := l.grad[lane], l.dim
	for _, g := range grad {
		clear(g)
	}
	for b := lane; b < len(l.loss); b += len(l.grad) {
		lo, hi := b*blockRows, min((b+1)*blockRows, l.rows)
		l.loss[b], l.errs[lane] = l.net.Gradient(l.ctx, grad, l.t[lo:hi], l.xt[lo*d:hi*d], l.ut[lo*d:hi*d], nil, hi-lo)
		if l.errs[lane] != nil {
			return
		}
	}
}

func (l *lanes) oneSlice(i int) {
	s := l.slices[i]
	sum := l.grad[0][s.tensor][s.lo:s.hi]
	for _, lane := range l.grad[1:] {
		for j, v := range lane[s.tensor][s.lo:s.hi] {
			sum[j] += v
		}
	}
	var square float64
	for j := range sum {
		sum[j] *= l.scale
		square += float64(sum[j]) * float64(sum[j])
	}
	l.square[i] = square
}
