package trainer

import (
	"math"

	"github.com/pathline/pathline/stages/internal/kernel/vector"
	"github.com/pathline/pathline/stages/optim"
)

// segmentSize is the number of weights that go from the sum over lanes to the
// average together, in the first cache. It belongs to the results: the squares
// of a gradient are summed by segments, and clipping depends on their sum.
const segmentSize = 2048

// descent is the second half of a step: the sum of the lanes, its norm, the
// update of the weights and of their average, and then the network's Changed.
// Weights are cut into segments, and those that lie together make a piece of
// work. All is done in one pass over the weights; clipping, which needs the
// norm of all, makes two.
type descent struct {
	o        *Options
	net      weights
	params   [][]float32
	rule     optim.Optimizer
	ema      *optim.EMA // nil without
	grad     [][][]float32
	segments []segment
	pieces   []int     // piece i is segments pieces[i] to pieces[i+1]-1
	square   []float64 // per segment, of the sum before it is scaled
	crew     *crew

	scale         float32   // of the step at hand
	sum, up, both func(int) // pieces of work, made once
}

// segment are elements [lo, hi) of a tensor.
type segment struct{ tensor, lo, hi int }

func newDescent(o *Options, net weights, grad [][][]float32, c *crew) (*descent, error) {
	d := &descent{o: o, net: net, params: data(net), grad: grad, crew: c}
	sizes := make([]int, len(d.params))
	held := segmentSize
	for i, w := range d.params {
		sizes[i] = len(w)
		for lo := 0; lo < len(w); lo += segmentSize {
			s := segment{i, lo, min(lo+segmentSize, len(w))}
			if held += s.hi - s.lo; held > segmentSize {
				d.pieces, held = append(d.pieces, len(d.segments)), s.hi-s.lo
			}
			d.segments = append(d.segments, s)
		}
	}
	d.pieces = append(d.pieces, len(d.segments))
	d.square = make([]float64, len(d.segments))
	var err error
	if d.rule, err = o.Rule.New(sizes); err != nil {
		return nil, err
	}
	d.sum, d.up, d.both = d.sumPiece, d.updatePiece, d.wholePiece
	return d, nil
}

// step makes an update with learning rate lr from the mean over entries numbers
// of the gradient that the lanes hold, which are zero afterwards. It gives the
// gradient's norm before clipping.
func (d *descent) step(lr, entries float64) (norm float64) {
	d.scale = float32(1 / entries)
	d.rule.Begin(lr)
	if d.ema != nil {
		d.ema.Begin()
	}
	pieces := len(d.pieces) - 1
	if d.o.Clip > 0 {
		d.crew.run(pieces, d.sum)
		if norm = d.norm(entries); norm > d.o.Clip {
			d.scale = float32(d.o.Clip / norm / entries)
		}
		d.crew.run(pieces, d.up)
	} else {
		d.crew.run(pieces, d.both)
		norm = d.norm(entries)
	}
	d.net.Changed(d.crew.share)
	return norm
}

// norm is the Euclidean norm of the mean gradient, summed in the order of
// segments.
func (d *descent) norm(entries float64) float64 {
	var sum float64
	for _, v := range d.square {
		sum += v
	}
	return math.Sqrt(sum) / entries
}

func (d *descent) wholePiece(piece int) {
	for i := d.pieces[piece]; i < d.pieces[piece+1]; i++ {
		d.sumSegment(i)
		d.updateSegment(i)
	}
}

func (d *descent) sumPiece(piece int) {
	for i := d.pieces[piece]; i < d.pieces[piece+1]; i++ {
		d.sumSegment(i)
	}
}

func (d *descent) updatePiece(piece int) {
	for i := d.pieces[piece]; i < d.pieces[piece+1]; i++ {
		d.updateSegment(i)
	}
}

// sumSegment adds the lanes to lane 0 in their order and clears them for the
// next step.
func (d *descent) sumSegment(i int) {
	s := d.segments[i]
	sum := d.grad[0][s.tensor][s.lo:s.hi]
	for _, lane := range d.grad[1:] {
		g := lane[s.tensor][s.lo:s.hi]
		vector.Add(sum, sum, g)
		clear(g)
	}
	d.square[i] = vector.SumSquares(sum)
}

func (d *descent) updateSegment(i int) {
	s := d.segments[i]
	w, g := d.params[s.tensor], d.grad[0][s.tensor]
	sum := g[s.lo:s.hi]
	vector.Scale(sum, sum, d.scale)
	d.rule.Update(s.tensor, s.lo, s.hi, w, g)
	if d.ema != nil {
		d.ema.UpdateRange(s.tensor, s.lo, s.hi, w)
	}
	clear(sum)
}
