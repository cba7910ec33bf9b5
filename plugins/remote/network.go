package remote

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/model"
)

// A network has the methods of a field in float32, and, for the weights of all
// tensors one after the other,
//
//	write(w)                          takes the weights
//	init(; key)                -> w   draws them
//	gradient(t, x, target [, weight], grad) -> loss | grad
//
// grad comes back with the gradient added; it is left out when only the loss is
// wanted. When it is all zeros the caller says so instead of sending it.
//
// A trainer asks for whole batches. A network that says so, {lanes} in the answer
// to build, then gets the cut of the batch and gives the loss of every tile; the
// gradient, the sum of the lanes, comes with the last batch of a step, and the
// others hold it there. Weights that have changed come along as a second batch,
// which saves a round trip. One that does not say so gives the loss and the gradient
// of the whole batch.

type networkFacts struct {
	Target  string        `json:"target"`
	Tensors []tensorFacts `json:"tensors"`
	Lanes   bool          `json:"lanes,omitempty"`
}

type gradientParams struct {
	asked
	Lanes model.Lanes `json:"lanes,omitempty"` // the cut of a whole batch; zero is then said of the lanes
	Hold  bool        `json:"hold,omitempty"`  // more batches of the step follow
	Write bool        `json:"write,omitempty"` // take the weights first, which are the second batch
}

func answerDefinition(p *peer, v model.Definition, method string, m wire.Message) (wire.Message, error) {
	if method != "build" {
		return wire.Message{}, noMethod("model definition", method)
	}
	var c buildParams
	if err := params(m, &c); err != nil {
		return wire.Message{}, err
	}
	if err := c.check(p); err != nil {
		return wire.Message{}, err
	}
	n, err := model.Build(v, c.Dim, c.Held)
	if err != nil {
		return wire.Message{}, err
	}
	facts := networkFacts{Lanes: true, Tensors: factsOf(n.Tensors())}
	o := &servedNetwork{servedWeights: servedWeights{p, n}, Network: n}
	facts.Target = p.offer("network", o.answer)
	return valuesOf(facts)
}

// maxLanes bounds the lanes of a batch: each is a gradient in memory.
const maxLanes = 64

// servedNetwork is a network on its own side.
type servedNetwork struct {
	servedWeights
	model.Network

	mu   sync.Mutex // of what follows
	sum  model.LaneSum
	flat []float32   // what is answered; the next call comes when it has arrived
	grad [][]float32 // parts of it, for a network that is itself elsewhere
}

func (n *servedNetwork) answer(ctx context.Context, method string, m wire.Message) (wire.Message, error) {
	if out, ok, err := n.servedWeights.answer(method, m); ok {
		return out, err
	}
	if method == "gradient" {
		return n.gradient(ctx, m)
	}
	return answerField[float32](ctx, n.peer, n.Network, n.Dim(), 0, method, m)
}

// batch answers gradient for a whole batch.
func (n *servedNetwork) batch(ctx context.Context, c gradientParams, b model.Batch) (wire.Message, error) {
	var none wire.Message
	if c.Loss || c.Weight {
		return none, schemas.Errorf(schemas.PluginProtocol, "the gradient of a batch by lanes has no weights and is wanted")
	}
	if len(c.Lanes) > maxLanes {
		return none, schemas.Errorf(schemas.PluginProtocol, "%d lanes, more than %d", len(c.Lanes), maxLanes)
	}
	if err := c.Lanes.Check(b.Rows); err != nil {
		return none, schemas.Errorf(schemas.PluginProtocol, "%w", err)
	}
	b.Lanes, b.First, b.Last = c.Lanes, c.Zero, !c.Hold
	n.mu.Lock()
	defer n.mu.Unlock()
	loss := make([]float64, c.Lanes.Tiles())
	if n.flat == nil {
		n.flat = make([]float32, total(n.Tensors()))
		n.grad = parts(n.flat, n.Tensors())
	}
	far, ok := n.Network.(model.Batched)
	var err error
	if ok {
		err = far.BatchGradient(ctx, n.grad, loss, b)
	} else {
		err = n.sum.Add(ctx, n.Network, loss, b, n.peer.share)
	}
	if err != nil {
		return none, err
	}
	out := wire.Message{Batches: []arrow.Record{wire.Batch(wire.ColumnOf("loss", loss, 0))}}
	if b.Last {
		if !ok {
			n.sum.Sum(n.flat, n.peer.share)
		}
		out.Batches = append(out.Batches, wire.Batch(wire.ColumnOf("grad", n.flat, 0)))
	}
	return out, nil
}

func (n *servedNetwork) gradient(ctx context.Context, m wire.Message) (wire.Message, error) {
	var none wire.Message
	var c gradientParams
	if err := params(m, &c); err != nil {
		return none, err
	}
	want := 1
	if !c.Loss && !c.Zero && len(c.Lanes) == 0 || c.Write {
		want = 2
	}
	if err := batches(m, want); err != nil {
		return none, err
	}
	rec, d := m.Batches[0], n.Dim()
	rows := int(rec.NumRows())
	t, err := wire.Values[float64](rec, "t", 0, rows)
	if err != nil {
		return none, err
	}
	x, err := wire.Values[float32](rec, "x", d, rows)
	if err != nil {
		return none, err
	}
	target, err := wire.Values[float32](rec, "target", d, rows)
	if err != nil {
		return none, err
	}
	if c.Write {
		if err := n.write(m.Batches[1]); err != nil {
			return none, err
		}
	}
	if len(c.Lanes) > 0 {
		return n.batch(ctx, c, model.Batch{T: t, X: x, Target: target, Rows: rows})
	}
	weight, flat, grad, err := n.begin(c.asked, m)
	if err != nil {
		return none, err
	}
	loss, err := n.Gradient(ctx, grad, t, x, target, weight, rows)
	if err != nil {
		return none, err
	}
	return c.answer([]float64{loss}, flat), nil
}

// remoteDefinition is a model.Definition of the other side.
type remoteDefinition struct {
	remote
	use    string
	config json.RawMessage
}

// Use implements model.Definition.
func (m *remoteDefinition) Use() string { return m.use }

// Config implements model.Definition.
func (m *remoteDefinition) Config() []byte { return slices.Clone(m.config) }

// Build implements model.Definition.
func (m *remoteDefinition) Build(dim int) (model.Network, error) { return m.build(dim, 0) }

// remoteConditional is a model.Conditional of the other side.
type remoteConditional struct{ *remoteDefinition }

// BuildHeld implements model.Conditional.
func (m remoteConditional) BuildHeld(dim, held int) (model.Network, error) { return m.build(dim, held) }

func (m *remoteDefinition) build(dim, held int) (model.Network, error) {
	var f networkFacts
	if _, err := m.call(context.Background(), "build", buildParams{dim, held}, wire.Message{}, &f); err != nil {
		return nil, err
	}
	at := remote{m.peer, f.Target}
	n := &remoteNetwork{remoteField: remoteField[float32]{at, dim + held}, remoteWeights: remoteWeights{at: at}, held: held}
	if err := n.describe(f.Tensors); err != nil {
		return nil, m.broke(err)
	}
	n.lanes = f.Lanes
	return n, nil
}

// remoteNetwork is a model.Network whose arithmetic is done on the other side.
// It implements model.Batched.
type remoteNetwork struct {
	remoteField[float32]
	remoteWeights
	held  int
	lanes bool // the other side sums by lanes
}

// Held implements model.Holder.
func (n *remoteNetwork) Held() int { return n.held }

// Eval implements solver.Field.
func (n *remoteNetwork) Eval(ctx context.Context, dx []float32, t []float64, x []float32, rows int) error {
	if err := n.settle(ctx); err != nil {
		return err
	}
	return n.remoteField.Eval(ctx, dx, t, x, rows)
}

// Divergence implements model.Field.
func (n *remoteNetwork) Divergence(ctx context.Context, v []float32, div []float64, t []float64, x, probe []float32, rows, probes int) error {
	if err := n.settle(ctx); err != nil {
		return err
	}
	return n.remoteField.Divergence(ctx, v, div, t, x, probe, rows, probes)
}

// Gradient implements model.Network.
func (n *remoteNetwork) Gradient(ctx context.Context, grad [][]float32, t []float64, x, target []float32, weight []float32, rows int) (float64, error) {
	if rows == 0 {
		return 0, nil
	}
	if err := n.settle(ctx); err != nil {
		return 0, err
	}
	d := n.dim
	c, m := n.asking(grad, weight, rows, wire.ColumnOf("t", t[:rows], 0), wire.ColumnOf("x", x[:rows*d], d), wire.ColumnOf("target", target[:rows*d], d))
	out, err := n.call(ctx, "gradient", gradientParams{asked: c}, m, nil)
	defer out.Release()
	if err != nil {
		return 0, err
	}
	loss, err := n.answered(out, grad, 1)
	if err != nil {
		return 0, n.broke(err)
	}
	return loss[0], nil
}

// BatchGradient implements model.Batched.
func (n *remoteNetwork) BatchGradient(ctx context.Context, grad [][]float32, loss []float64, b model.Batch) error {
	if !n.lanes {
		if b.First {
			for _, g := range grad {
				clear(g)
			}
		}
		l, err := n.Gradient(ctx, grad, b.T, b.X, b.Target, nil, b.Rows)
		clear(loss)
		loss[0] = l
		return err
	}
	d := n.dim
	m := wire.Message{Batches: []arrow.Record{wire.Batch(wire.ColumnOf("t", b.T[:b.Rows], 0),
		wire.ColumnOf("x", b.X[:b.Rows*d], d), wire.ColumnOf("target", b.Target[:b.Rows*d], d))}}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err != nil {
		return n.err
	}
	if n.changed {
		m.Batches = append(m.Batches, n.weights())
	}
	out, err := n.call(ctx, "gradient", gradientParams{asked: asked{Zero: b.First}, Lanes: b.Lanes, Hold: !b.Last, Write: n.changed}, m, nil)
	if err != nil {
		return err
	}
	n.changed = false
	want := 1
	if b.Last {
		want = 2
	}
	if err := batches(out, want); err != nil {
		return n.broke(err)
	}
	l, err := wire.Values[float64](out.Batches[0], "loss", 0, len(loss))
	if err != nil {
		return n.broke(err)
	}
	copy(loss, l)
	if !b.Last {
		return nil
	}
	flat, err := wire.Values[float32](out.Batches[1], "grad", 0, n.size)
	if err != nil {
		return n.broke(err)
	}
	for _, g := range grad {
		flat = flat[copy(g, flat):]
	}
	return nil
}
