package trainer

import "context"

// HeldOut are rows whose mean negative log-density is the validation loss of a
// training by maximum likelihood. It is used by one training at a time.
type HeldOut struct {
	x      []float32 // [rows][width]
	number []int64   // of the rows in their table
	loss   []float64 // per row
}

// scored are held-out rows with the way to score them.
type scored struct {
	*HeldOut
	score score
}

// score writes the negative log-densities of rows first.. of the held-out ones under
// a network, x [rows][width], to loss. It is called concurrently.
type score func(ctx context.Context, net weights, loss []float64, x []float32, first, rows int) error

// NewHeldOut takes rows x [rows][width] with their numbers; see Sample.
func NewHeldOut(x []float32, number []int64) *HeldOut {
	if len(number) == 0 || len(x)%len(number) != 0 {
		panic("trainer: held-out rows and their numbers differ in length")
	}
	return &HeldOut{x: x, number: number, loss: make([]float64, len(number))}
}

func (h scored) evaluate(ctx context.Context, net weights, c *crew) (mean, se float64, err error) {
	rows := len(h.number)
	width := len(h.x) / rows
	blocks := (rows + tileRows - 1) / tileRows
	errs := make([]error, blocks)
	c.run(blocks, func(b int) {
		lo, hi := b*tileRows, min((b+1)*tileRows, rows)
		errs[b] = h.score(ctx, net, h.loss[lo:hi], h.x[lo*width:hi*width], lo, hi-lo)
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
