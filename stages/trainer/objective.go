package trainer

import (
	"context"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
)

// weights are what a step changes: of a vector field or of a bijection. See
// model.Network for each method.
type weights interface {
	Tensors() []model.Tensor
	Changed(share model.Share)
	Init(key random.Key)
}

// objective is what a step minimises. It makes batches, and for some rows of the
// batch at hand the sum of their losses with its gradient.
type objective interface {
	// next goes to batch number part of a step.
	next(ctx context.Context, step int64, part int) error
	// add adds the gradient of examples lo..hi-1 to grad, those of a tile of a
	// lane, and gives the sum of their losses. Lanes run at the same time.
	add(ctx context.Context, lane, lo, hi int, grad [][]float32) (loss float64, err error)
	// entries is how many numbers of a row the mean loss is over.
	entries() int
	// diverged says why the loss of the batch at hand is not finite.
	diverged(ctx context.Context, step int64, loss float64) error
}

// heldOut are rows to validate on.
type heldOut interface {
	// evaluate is the mean loss and its standard error.
	evaluate(ctx context.Context, net weights, c *crew) (mean, se float64, err error)
	// diverged says why it is not finite.
	diverged(step int64, loss float64) error
}

// matching is conditional flow matching: regression on the targets of examples,
// with the loss and the weights of the options.
type matching struct {
	net  model.Network
	x    *examples
	tile []*tile // per lane
}

func (m *matching) next(ctx context.Context, step int64, part int) error {
	return m.x.next(ctx, step, part)
}

func (m *matching) entries() int { return m.x.layout.Dim }

func (m *matching) add(ctx context.Context, lane, lo, hi int, grad [][]float32) (float64, error) {
	s := m.tile[lane]
	if err := m.x.fill(s, lo, hi); err != nil {
		return 0, err
	}
	var weight []float32
	if m.x.o.Weight != nil {
		weight = m.x.weigh(s)
	}
	return m.net.Gradient(ctx, grad, s.t, s.in, s.want, weight, hi-lo)
}
