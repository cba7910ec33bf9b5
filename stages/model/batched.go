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
	grad [][][]float32 // [lane][tensor][]
	errs []error
}

// Add adds the gradient of a batch to the lanes and writes the loss of every
// tile. share may hand the lanes out to workers; nil does one after the
// other.
func (s *LaneSum) Add(ctx context.Context, n Network, loss []float64, b Batch, share Share) error {
	if len(loss) != b.Lanes.Tiles() {
		panic("model: as many losses as tiles are needed")
	}
	if b.First && len(s.grad) != len(b.Lanes) {
		s.grad, s.errs = nil, make([]error, len(b.Lanes))
		for range b.Lanes {
			s.grad = append(s.grad, zeros(n.Tensors()))
		}
	} else if b.First {
		for _, lane := range s.grad {
			for _, g := range lane {
				clear(g)
			}
		}
	}
	if len(s.grad) != len(b.Lanes) {
		return fmt.Errorf("model: a batch of %d lanes follows one of %d", len(b.Lanes), len(s.grad))
	}
	lane := func(i int) {
		s.errs[i] = s.lane(ctx, n, i, loss[b.Lanes[:i].Tiles():], b)
	}
	if share == nil {
		for i := range b.Lanes {
			lane(i)
		}
	} else {
		share(len(b.Lanes), lane)
	}
	for _, err := range s.errs {
		if err != nil {
			return err
		}
	}
	return nil
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

// Sum gives the sum of the lanes, which are void afterwards.
func (s *LaneSum) Sum(share Share) [][]float32 {
	sum := s.grad[0]
	add := func(tensor int) {
		for _, lane := range s.grad[1:] {
			vector.Add(sum[tensor], sum[tensor], lane[tensor])
		}
	}
	if share == nil {
		for i := range sum {
			add(i)
		}
	} else {
		share(len(sum), add)
	}
	return sum
}

func zeros(tensors []Tensor) [][]float32 {
	out := make([][]float32, len(tensors))
	for i, t := range tensors {
		out[i] = make([]float32, len(t.Data))
	}
	return out
}
