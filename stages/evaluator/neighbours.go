package evaluator

import (
	"context"
	"math"
	"slices"
)

// neighbourMetric is the classifier two-sample test with k nearest neighbours,
// cross-validated in two folds: the rows of one fold are told apart by those
// of the other, both sets with the same number of rows in each fold, k the
// odd number next to the root of the number of training rows. There is
// nothing to train, to initialise or to stop early.
//
// Rows at the distance of the k-th neighbour share the places that are left,
// so ties (whole numbers, copies) do not depend on the order of rows; a vote
// that is even counts half. Standard error: binomial, from (correct+1)/(tests+2).
func neighbourMetric(ctx context.Context, s sets, d int, o Options) (Metric, error) {
	rows := min(s.ra, s.rb)
	value, err := heldOut(ctx, s.a, s.y, rows, d, o.Workers)
	if err != nil {
		return Metric{}, err
	}
	floor, err := heldOut(ctx, s.a, s.b, rows, d, o.Workers)
	if err != nil {
		return Metric{}, err
	}
	tests := float64(2 * rows)
	p := (value*tests + 1) / (tests + 2)
	return Metric{"c2st_accuracy", value, math.Sqrt(p * (1 - p) / tests), floor, rows, rows}, nil
}

func heldOut(ctx context.Context, x, y []float64, rows, d, workers int) (float64, error) {
	half := rows / 2
	const block = 64
	blocks := (2*rows + block - 1) / block
	correct := make([]float64, blocks)
	err := each(ctx, workers, blocks, func(b int) {
		near := make([]neighbour, 0, rows+1)
		scratch := make([]float64, 0, rows+1)
		for i := b * block; i < min((b+1)*block, 2*rows); i++ {
			// Test i < rows is row i of x, else row i-rows of y.
			row, isX := i, true
			set := x
			if i >= rows {
				row, isX, set = i-rows, false, y
			}
			lo, hi := half, rows // the other fold
			if row >= half {
				lo, hi = 0, half
			}
			near = near[:0]
			query := set[row*d : row*d+d]
			for j := lo; j < hi; j++ {
				near = append(near,
					neighbour{squaredDistance(query, x[j*d:j*d+d]), 1},
					neighbour{squaredDistance(query, y[j*d:j*d+d]), 0})
			}
			v := vote(near, oddRoot(len(near)), scratch)
			switch {
			case v == 0.5:
				correct[b] += 0.5
			case v > 0.5 == isX:
				correct[b]++
			}
		}
	})
	sum := 0.0
	for _, c := range correct {
		sum += c
	}
	return sum / float64(2*rows), err
}

func oddRoot(n int) int {
	k := int(math.Sqrt(float64(n)))
	return min(k|1, n)
}

// neighbour is a training row: its squared distance, and 1 if it is of x.
type neighbour struct{ square, x float64 }

// vote is the part of x among the k nearest.
func vote(near []neighbour, k int, scratch []float64) float64 {
	scratch = scratch[:0]
	for _, n := range near {
		scratch = append(scratch, n.square)
	}
	limit := smallest(scratch, k)
	inside, insideX, tied, tiedX := 0.0, 0.0, 0.0, 0.0
	for _, n := range near {
		switch {
		case n.square < limit:
			inside++
			insideX += n.x
		case n.square == limit:
			tied++
			tiedX += n.x
		}
	}
	places := float64(k) - inside
	return (insideX + places*tiedX/tied) / float64(k)
}

// smallest is the k-th smallest value, k from 1 (Hoare's selection). It
// reorders v.
func smallest(v []float64, k int) float64 {
	for len(v) > 16 {
		// median of three as the pivot
		p := []float64{v[0], v[len(v)/2], v[len(v)-1]}
		slices.Sort(p)
		pivot := p[1]
		i, j := 0, len(v)-1
		for i <= j {
			for v[i] < pivot {
				i++
			}
			for v[j] > pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i++
				j--
			}
		}
		switch {
		case k <= j+1:
			v = v[:j+1]
		case k > i:
			v, k = v[i:], k-i
		default:
			return pivot
		}
	}
	slices.Sort(v)
	return v[k-1]
}
