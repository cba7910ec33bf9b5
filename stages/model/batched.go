package model

import (
	"context"
	"fmt"

	"github.com/pathline/pathline/stages/internal/kernel/vector"
)

// Lanes say in which order the gradient of a batch is summed: lane i is made of
// tiles of consecutive rows, its tile k of the rows Lanes[i][k] to
// Lanes[i][k+1]-1. A lane adds its tiles in their order, and the lanes are added
// in theirs, so that a result depends on the cut and not on who computes what.
type Lanes [][]int

// Tiles is the number of tiles of all lanes.
func (l Lanes) Tiles() int {
	n := 0
	for _, lane := range l {
		n += max(len(lane)-1, 0)
	}
	return n
}

// Check says whether the lanes are a cut of so many rows.
func (l Lanes) Check(rows int) error {
	at := 0
	for i, lane := range l {
		for k, r := range lane {
			if k == 0 && r != at || k > 0 && r <= at || r > rows {
				return fmt.Errorf("model: bound %d of lane %d is row %d, after row %d of %d", k, i, r, at, rows)
			}
			at = r
		}
	}
	if at != rows {
		return fmt.Errorf("model: the lanes have %d rows of %d", at, rows)
	}
	return nil
}

// Batched is a [Network] that a trainer hands whole batches, because a call costs
// it more than some rows do: its arithmetic is done in another process.
type Batched interface {
	Network

	// BatchGradient is Gradient for every tile of the lanes. It writes the loss of
	// every tile, lane after lane, to loss; one that has no lanes may write all to
	// loss[0]. A step of the optimiser may take several batches: the lanes begin
	// at zero with the first, and after the last grad is their sum. grad belongs
	// to the network meanwhile. It is not called concurrently.
	BatchGradient(ctx context.Context, grad [][]float32, loss []float64, b Batch) error
}

// Batch is what [Batched] gets: t [rows], x and target [rows][dim].
type Batch struct {
	T           []float64
	X, Target   []float32
	Rows        int
	Lanes       Lanes
	First, Last bool // of the batches of a step
}

// LaneSum is the gradient of batches by lanes, for a network of this process: it
// does what [Batched] promises. Its zero value has no memory yet.
type LaneSum struct {
	flat  [][]float32   // [lane], the weights of all tensors; zero before the first batch of a step
	grad  [][][]float32 // [lane][tensor][], the same memory
	errs  []error
	begun bool
}

// sumSegment is the number of weights that one piece of work adds up.
const sumSegment = 1 << 12

// Add adds the gradient of a batch to the lanes and writes the loss of every
// tile. share may hand the lanes out to workers; nil does one after the other.
func (s *LaneSum) Add(ctx context.Context, n Network, loss []float64, b Batch, share Share) error {
	if len(loss) != b.Lanes.Tiles() {
		panic("model: as many losses as tiles are needed")
	}
	if b.First {
		s.begin(n.Tensors(), len(b.Lanes))
	}
	if len(s.grad) != len(b.Lanes) {
		return fmt.Errorf("model: a batch of %d lanes follows one of %d", len(b.Lanes), len(s.grad))
	}
	s.begun = true
	do(share, len(b.Lanes), func(i int) {
		s.errs[i] = s.lane(ctx, n, i, loss[b.Lanes[:i].Tiles():], b)
	})
	for _, err := range s.errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// begin makes so many lanes of zeros.
func (s *LaneSum) begin(tensors []Tensor, lanes int) {
	if len(s.flat) == lanes {
		for _, lane := range s.flat {
			if s.begun { // a step that was given up
				clear(lane)
			}
		}
		s.begun = false
		return
	}
	size := 0
	for _, t := range tensors {
		size += len(t.Data)
	}
	s.flat, s.grad, s.errs, s.begun = nil, nil, make([]error, lanes), false
	for range lanes {
		flat := make([]float32, size)
		s.flat = append(s.flat, flat)
		var grad [][]float32
		for _, t := range tensors {
			grad = append(grad, flat[:len(t.Data):len(t.Data)])
			flat = flat[len(t.Data):]
		}
		s.grad = append(s.grad, grad)
	}
}

func (s *LaneSum) lane(ctx context.Context, n Network, i int, loss []float64, b Batch) error {
	d := n.Dim()
	for k := 1; k < len(b.Lanes[i]); k++ {
		lo, hi := b.Lanes[i][k-1], b.Lanes[i][k]
		l, err := n.Gradient(ctx, s.grad[i], b.T[lo:hi], b.X[lo*d:hi*d], b.Target[lo*d:hi*d], nil, hi-lo)
		if err != nil {
			return err
		}
		loss[k-1] = l
	}
	return nil
}

// Sum writes the sum of the lanes, of all tensors one after the other, to sum.
// The lanes are zero afterwards.
func (s *LaneSum) Sum(sum []float32, share Share) {
	do(share, (len(sum)+sumSegment-1)/sumSegment, func(i int) {
		lo, hi := i*sumSegment, min((i+1)*sumSegment, len(sum))
		dst := sum[lo:hi]
		copy(dst, s.flat[0][lo:hi])
		clear(s.flat[0][lo:hi])
		for _, lane := range s.flat[1:] {
			vector.Add(dst, dst, lane[lo:hi])
			clear(lane[lo:hi])
		}
	})
	s.begun = false
}

func do(share Share, pieces int, piece func(int)) {
	if share != nil {
		share(pieces, piece)
		return
	}
	for i := range pieces {
		piece(i)
	}
}
