package remote

import (
	"context"
	"math"
	"strconv"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
)

// What is trained has, for the weights of all tensors one after the other,
//
//	write(w)           takes the weights
//	init(; key) -> w   draws them

type tensorFacts struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"`
}

func factsOf(tensors []model.Tensor) (facts []tensorFacts) {
	for _, t := range tensors {
		facts = append(facts, tensorFacts{t.Name, t.Shape})
	}
	return facts
}

type initParams struct {
	Key string `json:"key"`
}

// servedWeights are weights on their own side.
type servedWeights struct {
	peer    *peer
	weights bijection.Weights
}

// answer answers the methods of weights; ok is false for others.
func (s servedWeights) answer(method string, m wire.Message) (out wire.Message, ok bool, err error) {
	switch method {
	case "write":
		if err := batches(m, 1); err != nil {
			return out, true, err
		}
		return out, true, s.write(m.Batches[0])
	case "init":
		var c initParams
		if err := params(m, &c); err != nil {
			return out, true, err
		}
		key, err := strconv.ParseUint(c.Key, 10, 64)
		if err != nil {
			return out, true, schemas.Errorf(schemas.PluginProtocol, "init with key %q", c.Key)
		}
		s.weights.Init(random.Key(key))
		return s.message(), true, nil
	}
	return out, false, nil
}

// message has the weights.
func (s servedWeights) message() wire.Message {
	return wire.Message{Batches: []arrow.Record{wire.Batch(wire.ColumnOf("w", gather(s.weights.Tensors()), 0))}}
}

// write takes weights into use.
func (s servedWeights) write(rec arrow.Record) error {
	w, err := wire.Values[float32](rec, "w", 0, total(s.weights.Tensors()))
	if err != nil {
		return err
	}
	scatter(s.weights.Tensors(), w)
	s.weights.Changed(s.peer.share)
	return nil
}

// maxWeights bounds the weights of what another process describes.
const maxWeights = 1 << 27

// asked says what is wanted of a loss and its gradient.
type asked struct {
	Loss   bool `json:"loss"`   // the loss alone
	Zero   bool `json:"zero"`   // the gradient starts at zero
	Weight bool `json:"weight"` // rows have weights
}

// begin takes the weights of rows and the gradient that is added to, flat and by
// tensors; nil where they are not asked for.
func (s servedWeights) begin(a asked, m wire.Message) (weight, flat []float32, grad [][]float32, err error) {
	if a.Weight {
		if weight, err = wire.Values[float32](m.Batches[0], "weight", 0, -1); err != nil {
			return nil, nil, nil, err
		}
	}
	if a.Loss {
		return weight, nil, nil, nil
	}
	tensors := s.weights.Tensors()
	flat = make([]float32, total(tensors))
	if !a.Zero {
		g, err := wire.Values[float32](m.Batches[1], "grad", 0, len(flat))
		if err != nil {
			return nil, nil, nil, err
		}
		copy(flat, g)
	}
	return weight, flat, parts(flat, tensors), nil
}

// answer is what was asked for.
func (a asked) answer(loss []float64, flat []float32) wire.Message {
	out := wire.Message{Batches: []arrow.Record{wire.Batch(wire.ColumnOf("loss", loss, 0))}}
	if !a.Loss {
		out.Batches = append(out.Batches, wire.Batch(wire.ColumnOf("grad", flat, 0)))
	}
	return out
}

// asking asks for the loss of rows in columns, and for its gradient where grad is not nil.
func (n *remoteWeights) asking(grad [][]float32, weight []float32, rows int, columns ...wire.Column) (asked, wire.Message) {
	a := asked{Loss: grad == nil, Zero: zero(grad), Weight: weight != nil}
	if a.Weight {
		columns = append(columns, wire.ColumnOf("weight", weight[:rows], 0))
	}
	m := wire.Message{Batches: []arrow.Record{wire.Batch(columns...)}}
	if !a.Loss && !a.Zero {
		flat := make([]float32, 0, n.size)
		for _, g := range grad {
			flat = append(flat, g...)
		}
		m.Batches = append(m.Batches, wire.Batch(wire.ColumnOf("grad", flat, 0)))
	}
	return a, m
}

// answered takes so many losses and, where grad is not nil, the gradient.
func (n *remoteWeights) answered(out wire.Message, grad [][]float32, losses int) ([]float64, error) {
	want := 1
	if grad != nil {
		want = 2
	}
	if err := batches(out, want); err != nil {
		return nil, err
	}
	loss, err := wire.Values[float64](out.Batches[0], "loss", 0, losses)
	if err != nil || grad == nil {
		return loss, err
	}
	flat, err := wire.Values[float32](out.Batches[1], "grad", 0, n.size)
	if err != nil {
		return nil, err
	}
	for _, g := range grad {
		flat = flat[copy(g, flat):]
	}
	return loss, nil
}

// remoteWeights are those of something on the other side. They are kept here, and
// are sent before they are needed when they have changed.
type remoteWeights struct {
	at      remote
	tensors []model.Tensor
	size    int // weights

	mu      sync.Mutex
	changed bool
	flat    []float32 // what is sent
	err     error     // of Init, which cannot report it
}

// describe makes the tensors that the other side says it has.
func (n *remoteWeights) describe(facts []tensorFacts) error {
	left, names := maxWeights, map[string]bool{}
	for _, t := range facts {
		size := 1
		for _, s := range t.Shape {
			if s < 1 || s > left/size {
				return schemas.Errorf(schemas.PluginProtocol, "tensor %q has shape %v", t.Name, t.Shape)
			}
			size *= s
		}
		if size > left {
			return schemas.Errorf(schemas.PluginProtocol, "there are more than %d weights", maxWeights)
		}
		if names[t.Name] {
			return schemas.Errorf(schemas.PluginProtocol, "there are two tensors %q", t.Name)
		}
		names[t.Name] = true
		left -= size
		n.tensors = append(n.tensors, model.Tensor{Name: t.Name, Shape: t.Shape})
	}
	n.size = maxWeights - left
	flat := make([]float32, n.size) // not before all is known to be in bounds
	for i, g := range n.tensors {
		size := 1
		for _, s := range g.Shape {
			size *= s
		}
		n.tensors[i].Data, flat = flat[:size:size], flat[size:]
	}
	return nil
}

// Tensors implements bijection.Weights, which those of a network are, too.
func (n *remoteWeights) Tensors() []model.Tensor { return n.tensors }

// Changed implements bijection.Weights.
func (n *remoteWeights) Changed(model.Share) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.changed = true
}

// Init implements bijection.Weights.
func (n *remoteWeights) Init(key random.Key) {
	n.mu.Lock()
	defer n.mu.Unlock()
	out, err := n.at.call(context.Background(), "init", initParams{strconv.FormatUint(uint64(key), 10)}, wire.Message{}, nil)
	defer out.Release()
	if err == nil {
		err = n.take(out)
	}
	if err != nil {
		n.err = err
	}
}

// take makes the weights those of an answer, which the other side has in use.
func (n *remoteWeights) take(out wire.Message) error {
	err := batches(out, 1)
	var w []float32
	if err == nil {
		w, err = wire.Values[float32](out.Batches[0], "w", 0, n.size)
	}
	if err != nil {
		return n.at.broke(err)
	}
	scatter(n.tensors, w)
	// They are sent back before they are used: a process that takes over, and a crash
	// bundle, know what was written and not what was drawn.
	n.changed = true
	return nil
}

// settle sends the weights when they have changed. Nobody writes weights while
// others evaluate, so the first of many callers sends them.
func (n *remoteWeights) settle(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err != nil {
		return n.err
	}
	if !n.changed {
		return nil
	}
	if _, err := n.at.call(ctx, "write", nil, wire.Message{Batches: []arrow.Record{n.weights()}}, nil); err != nil {
		return err
	}
	n.changed = false
	return nil
}

// weights are those of all tensors, in memory that the next ones use again.
func (n *remoteWeights) weights() arrow.Record {
	n.flat = n.flat[:0]
	for _, t := range n.tensors {
		n.flat = append(n.flat, t.Data...)
	}
	return wire.Batch(wire.ColumnOf("w", n.flat, 0))
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

// parts are those of flat that belong to the tensors.
func parts(flat []float32, tensors []model.Tensor) [][]float32 {
	var out [][]float32
	for _, t := range tensors {
		out = append(out, flat[:len(t.Data):len(t.Data)])
		flat = flat[len(t.Data):]
	}
	return out
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
