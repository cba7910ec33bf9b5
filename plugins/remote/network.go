package remote

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
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

type networkFacts struct {
	Target  string        `json:"target"`
	Tensors []tensorFacts `json:"tensors"`
}

type tensorFacts struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"`
}

type initParams struct {
	Key string `json:"key"`
}

type gradientParams struct {
	Loss   bool `json:"loss"`   // the loss alone
	Zero   bool `json:"zero"`   // the gradient starts at zero
	Weight bool `json:"weight"` // rows have weights
}

func answerDefinition(p *peer, v model.Definition, method string, m wire.Message) (wire.Message, error) {
	if method != "build" {
		return wire.Message{}, noMethod("model definition", method)
	}
	var c buildParams
	if err := params(m, &c); err != nil {
		return wire.Message{}, err
	}
	if c.Dim < 1 || c.Dim > maxDim {
		return wire.Message{}, schemas.Errorf(schemas.PluginProtocol, "a network of %d dimensions", c.Dim)
	}
	n, err := v.Build(c.Dim)
	if err != nil {
		return wire.Message{}, err
	}
	facts := networkFacts{}
	for _, t := range n.Tensors() {
		facts.Tensors = append(facts.Tensors, tensorFacts{t.Name, t.Shape})
	}
	facts.Target = p.offer("network", func(ctx context.Context, method string, m wire.Message) (wire.Message, error) {
		return answerNetwork(ctx, n, method, m)
	})
	return valuesOf(facts)
}

func answerNetwork(ctx context.Context, n model.Network, method string, m wire.Message) (wire.Message, error) {
	var none wire.Message
	switch method {
	case "write":
		if err := batches(m, 1); err != nil {
			return none, err
		}
		w, err := wire.Values[float32](m.Batches[0], "w", 0, total(n.Tensors()))
		if err != nil {
			return none, err
		}
		scatter(n.Tensors(), w)
		n.Changed(nil)
		return none, nil
	case "init":
		var c initParams
		if err := params(m, &c); err != nil {
			return none, err
		}
		key, err := strconv.ParseUint(c.Key, 10, 64)
		if err != nil {
			return none, schemas.Errorf(schemas.PluginProtocol, "init with key %q", c.Key)
		}
		n.Init(random.Key(key))
		return wire.Message{Batches: []arrow.Record{wire.Batch(wire.ColumnOf("w", gather(n.Tensors()), 0))}}, nil
	case "gradient":
		return answerGradient(ctx, n, m)
	}
	return answerField(ctx, n, n.Dim(), 0, method, m)
}

func answerGradient(ctx context.Context, n model.Network, m wire.Message) (wire.Message, error) {
	var none wire.Message
	var c gradientParams
	if err := params(m, &c); err != nil {
		return none, err
	}
	want := 1
	if !c.Loss && !c.Zero {
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
	var weight []float32
	if c.Weight {
		if weight, err = wire.Values[float32](rec, "weight", 0, rows); err != nil {
			return none, err
		}
	}
	var flat []float32
	var grad [][]float32
	if !c.Loss {
		size := total(n.Tensors())
		flat = make([]float32, size)
		if !c.Zero {
			g, err := wire.Values[float32](m.Batches[1], "grad", 0, size)
			if err != nil {
				return none, err
			}
			copy(flat, g)
		}
		at := 0
		for _, t := range n.Tensors() {
			grad = append(grad, flat[at:at+len(t.Data):at+len(t.Data)])
			at += len(t.Data)
		}
	}
	loss, err := n.Gradient(ctx, grad, t, x, target, weight, rows)
	if err != nil {
		return none, err
	}
	out := wire.Message{Batches: []arrow.Record{wire.Batch(wire.ColumnOf("loss", []float64{loss}, 0))}}
	if !c.Loss {
		out.Batches = append(out.Batches, wire.Batch(wire.ColumnOf("grad", flat, 0)))
	}
	return out, nil
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

// maxWeights bounds the weights of a network that another process describes.
const maxWeights = 1 << 27

// Build implements model.Definition.
func (m *remoteDefinition) Build(dim int) (model.Network, error) {
	var f networkFacts
	if _, err := m.call(context.Background(), "build", buildParams{dim}, wire.Message{}, &f); err != nil {
		return nil, err
	}
	n := &remoteNetwork{remoteField: remoteField[float32]{remote{m.peer, f.Target}, dim}}
	left := maxWeights
	for _, t := range f.Tensors {
		size := 1
		for _, s := range t.Shape {
			if s < 1 || s > left/size {
				return nil, m.broke(schemas.Errorf(schemas.PluginProtocol, "tensor %q has shape %v", t.Name, t.Shape))
			}
			size *= s
		}
		left -= size
		n.tensors = append(n.tensors, model.Tensor{Name: t.Name, Shape: t.Shape, Data: make([]float32, size)})
	}
	n.there = make([]float32, maxWeights-left)
	return n, nil
}

// remoteNetwork is a model.Network whose arithmetic is done on the other side.
// Weights are kept here; they are sent when they differ from what is there.
type remoteNetwork struct {
	remoteField[float32]
	tensors []model.Tensor

	mu    sync.Mutex
	there []float32 // the weights that the other side has
	err   error     // of Init, which cannot report it
}

// Tensors implements model.Network.
func (n *remoteNetwork) Tensors() []model.Tensor { return n.tensors }

// Changed implements model.Network: the next call sees for itself what to send.
func (n *remoteNetwork) Changed(model.Share) {}

// Init implements model.Network.
func (n *remoteNetwork) Init(key random.Key) {
	n.mu.Lock()
	defer n.mu.Unlock()
	out, err := n.call(context.Background(), "init", initParams{strconv.FormatUint(uint64(key), 10)}, wire.Message{}, nil)
	if err == nil {
		var w []float32
		if err = batches(out, 1); err == nil {
			w, err = wire.Values[float32](out.Batches[0], "w", 0, len(n.there))
		}
		if err == nil {
			copy(n.there, w)
			scatter(n.tensors, w)
			return
		}
		err = n.broke(err)
	}
	n.err = err
}

// settle sends the weights when they have changed. Nobody writes weights while
// others evaluate, so the first of many callers sends them.
func (n *remoteNetwork) settle(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err != nil {
		return n.err
	}
	at, same := 0, true
	for _, t := range n.tensors {
		for i, w := range t.Data {
			// Bits, not values: 0 and -0 differ, NaN is equal to itself.
			if math.Float32bits(w) != math.Float32bits(n.there[at+i]) {
				same = false
				break
			}
		}
		at += len(t.Data)
	}
	if same {
		return nil
	}
	w := gather(n.tensors)
	if _, err := n.call(ctx, "write", nil, wire.Message{Batches: []arrow.Record{wire.Batch(wire.ColumnOf("w", w, 0))}}, nil); err != nil {
		return err
	}
	n.there = w
	return nil
}

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
	c := gradientParams{Loss: grad == nil, Zero: zero(grad), Weight: weight != nil}
	d := n.dim
	columns := []wire.Column{wire.ColumnOf("t", t[:rows], 0), wire.ColumnOf("x", x[:rows*d], d), wire.ColumnOf("target", target[:rows*d], d)}
	if weight != nil {
		columns = append(columns, wire.ColumnOf("weight", weight[:rows], 0))
	}
	m := wire.Message{Batches: []arrow.Record{wire.Batch(columns...)}}
	want := 1
	if grad != nil {
		want = 2
		if !c.Zero {
			flat := make([]float32, 0, len(n.there))
			for _, g := range grad {
				flat = append(flat, g...)
			}
			m.Batches = append(m.Batches, wire.Batch(wire.ColumnOf("grad", flat, 0)))
		}
	}
	out, err := n.call(ctx, "gradient", c, m, nil)
	if err != nil {
		return 0, err
	}
	if err := batches(out, want); err != nil {
		return 0, n.broke(err)
	}
	loss, err := wire.Values[float64](out.Batches[0], "loss", 0, 1)
	if err != nil {
		return 0, n.broke(err)
	}
	if grad != nil {
		flat, err := wire.Values[float32](out.Batches[1], "grad", 0, len(n.there))
		if err != nil {
			return 0, n.broke(err)
		}
		at := 0
		for _, g := range grad {
			at += copy(g, flat[at:])
		}
	}
	return loss[0], nil
}

// zero says whether all bits of the gradient are zero.
func zero(grad [][]float32) bool {
	for _, g := range grad {
		for _, v := range g {
			if math.Float32bits(v) != 0 {
				return false
			}
		}
	}
	return true
}

func total(tensors []model.Tensor) int {
	n := 0
	for _, t := range tensors {
		n += len(t.Data)
	}
	return n
}

func gather(tensors []model.Tensor) []float32 {
	w := make([]float32, 0, total(tensors))
	for _, t := range tensors {
		w = append(w, t.Data...)
	}
	return w
}

func scatter(tensors []model.Tensor, w []float32) {
	for _, t := range tensors {
		w = w[copy(t.Data, w):]
	}
}
