package bijection

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/pathline/pathline/stages/autodiff"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
)

// NewNetwork makes a Trainable for rows of dim columns of a layer and a base.
// Weights are zero. An error is a mistake of the layer: shapes that do not fit.
func NewNetwork(dim int, layer Layer, base Base) (*Network, error) {
	n := &Network{dim: dim, layer: layer, base: base, byName: map[string]int{}}
	g := autodiff.New()
	z, logdet := layer.Normalize(NewBuilder(g, autodiff.Value{}), g.Input("x", dim))
	if err := g.Err(); err != nil {
		return nil, fmt.Errorf("bijection: %w", err)
	}
	if s := z.Shape(); len(s) != 1 || s[0] != dim || len(logdet.Shape()) != 0 {
		return nil, fmt.Errorf("bijection: a row of %d columns becomes %v with a log-determinant %v", dim, s, logdet.Shape())
	}
	n.params = g.Params()
	for i, p := range n.params {
		n.byName[p.Name] = i
		n.data = append(n.data, make([]float32, p.Size()))
	}
	return n, nil
}

// Network is a layer with a base and weights, compiled.
type Network struct {
	dim    int
	layer  Layer
	base   Base
	params []autodiff.Param
	byName map[string]int
	data   [][]float32

	mu       sync.Mutex // held to compile, and to refresh what was not in use
	programs [programs]atomic.Pointer[bound]
	scratch  sync.Pool // of *call
}

// The programs of a network.
const (
	normalizing = iota
	generating
	losing
	learning
	programs
)

// bound is one program of a network with its weights.
type bound struct {
	*autodiff.Bound
	used  atomic.Bool // since the weights changed last
	stale atomic.Bool
	grads []int // learning: the tensor of each derivative
}

// call is the memory of one call.
type call struct {
	number, one []float32
	in, out     [][]float32
}

// piece is how many rows go through a program between two looks at the context.
const piece = 1024

// build writes a program on a graph and gives its outputs.
func (n *Network) build(kind int) (*autodiff.Graph, []autodiff.Value) {
	g := autodiff.New()
	b := NewBuilder(g, autodiff.Value{})
	x := g.Input("x", n.dim)
	if kind == generating {
		y, logdet := n.layer.Generate(b, x)
		return g, []autodiff.Value{y, n.ofRow(g, x, logdet)}
	}
	z, logdet := n.layer.Normalize(b, x)
	if kind == normalizing {
		return g, []autodiff.Value{z, n.ofRow(g, x, logdet)}
	}
	loss := g.Neg(g.Add(n.base.Density(b, z), logdet))
	if kind == losing {
		return g, []autodiff.Value{loss}
	}
	weighted := g.Mul(loss, g.Reshape(g.Input("weight", 1)))
	return g, append([]autodiff.Value{loss}, g.Gradient(weighted)...)
}

// ofRow makes a number that all rows may share one of each row.
func (n *Network) ofRow(g *autodiff.Graph, x, v autodiff.Value) autodiff.Value {
	return g.Add(v, g.Reshape(g.Select(g.Fill(1, 1), g.Fill(0, 1), g.Slice(x, 0, 1))))
}

// program is one of the programs, compiled when it is first asked for, with the
// present weights.
func (n *Network) program(kind int) (*bound, error) {
	b := n.programs[kind].Load()
	if b == nil {
		var err error
		if b, err = n.compile(kind); err != nil {
			return nil, err
		}
	}
	if !b.used.Load() {
		b.used.Store(true)
	}
	if b.stale.Load() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if b.stale.Load() {
			b.Refresh(nil)
			b.stale.Store(false)
		}
	}
	return b, nil
}

func (n *Network) compile(kind int) (*bound, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if b := n.programs[kind].Load(); b != nil {
		return b, nil
	}
	g, outs := n.build(kind)
	b := &bound{}
	p, err := autodiff.Compile(g, outs...)
	if err != nil {
		return nil, fmt.Errorf("bijection: %w", err)
	}
	var weights [][]float32
	for _, q := range p.Params() {
		i, ok := n.byName[q.Name]
		if !ok {
			return nil, fmt.Errorf("bijection: Generate has a parameter %q, Normalize has not", q.Name)
		}
		weights, b.grads = append(weights, n.data[i]), append(b.grads, i)
	}
	if b.Bound, err = p.Bind(weights); err != nil {
		return nil, fmt.Errorf("bijection: %w", err)
	}
	n.programs[kind].Store(b)
	return b, nil
}

// Dim is the number of columns of a row.
func (n *Network) Dim() int { return n.dim }

// Base is the distribution of Normalize(x).
func (n *Network) Base() Base { return n.base }

// Tensors are the parameters in the order in which Normalize declares them.
func (n *Network) Tensors() []model.Tensor {
	ts := make([]model.Tensor, 0, len(n.params))
	for i, p := range n.params {
		ts = append(ts, model.Tensor{Name: p.Name, Shape: p.Shape, Data: n.data[i]})
	}
	return ts
}

// Changed takes the weights as they are into use for the programs that were
// used since the last change; the others do so when they are used again.
func (n *Network) Changed(share model.Share) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range n.programs {
		b := n.programs[i].Load()
		switch {
		case b == nil:
		case b.used.Load():
			b.used.Store(false)
			b.Refresh(share)
			b.stale.Store(false)
		default:
			b.stale.Store(true)
		}
	}
}

// Init draws the weights. Element i of tensor number j is draw i of row j.
func (n *Network) Init(key random.Key) {
	var u []float64
	for j, p := range n.params {
		if p.Size() > cap(u) {
			u = make([]float64, p.Size())
		}
		u = u[:p.Size()]
		key.Uniforms(u, uint64(j), 0)
		for i := range u {
			n.data[j][i] = float32(p.Init.Mean + (2*u[i]-1)*p.Init.Bound)
		}
	}
	n.Changed(nil)
}

// Normalize implements Bijection.
func (n *Network) Normalize(ctx context.Context, z, x []float32, logdet []float64, rows int) error {
	return n.run(ctx, normalizing, z, x, logdet, rows)
}

// Generate implements Bijection.
func (n *Network) Generate(ctx context.Context, x, z []float32, logdet []float64, rows int) error {
	return n.run(ctx, generating, x, z, logdet, rows)
}

func (n *Network) run(ctx context.Context, kind int, to, from []float32, logdet []float64, rows int) error {
	d := n.dim
	if rows < 0 || len(to) < rows*d || len(from) < rows*d || logdet != nil && len(logdet) < rows {
		panic("bijection: slice shorter than its rows")
	}
	b, err := n.program(kind)
	if err != nil {
		return err
	}
	c := n.borrow(rows)
	defer n.scratch.Put(c)
	for r := 0; r < rows; r += piece {
		if err := ctx.Err(); err != nil {
			return err
		}
		m := min(piece, rows-r)
		c.in = append(c.in[:0], from[r*d:(r+m)*d])
		c.out = append(c.out[:0], to[r*d:(r+m)*d], c.number)
		b.Call(m, false, c.in, c.out)
		if logdet != nil {
			for i, v := range c.number[:m] {
				logdet[r+i] += float64(v)
			}
		}
	}
	return nil
}

// Gradient implements Trainable.
func (n *Network) Gradient(ctx context.Context, grad [][]float32, loss []float64, x, weight []float32, rows int) (float64, error) {
	d := n.dim
	if rows < 0 || len(x) < rows*d || weight != nil && len(weight) < rows || loss != nil && len(loss) < rows {
		panic("bijection: slice shorter than its rows")
	}
	kind := losing
	if grad != nil {
		n.mustMatch(grad)
		kind = learning
	}
	b, err := n.program(kind)
	if err != nil {
		return 0, err
	}
	c := n.borrow(rows)
	defer n.scratch.Put(c)
	var sum float64
	for r := 0; r < rows; r += piece {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		m := min(piece, rows-r)
		w := c.one
		if weight != nil {
			w = weight[r : r+m]
		}
		c.in = append(c.in[:0], x[r*d:(r+m)*d])
		c.out = append(c.out[:0], c.number)
		if grad != nil {
			c.in = append(c.in, w)
			for _, i := range b.grads {
				c.out = append(c.out, grad[i])
			}
		}
		b.Call(m, false, c.in, c.out)
		for i, v := range c.number[:m] {
			sum += float64(w[i]) * float64(v)
			if loss != nil {
				loss[r+i] = float64(v)
			}
		}
	}
	return sum, nil
}

// borrow takes memory for a call of some rows from the pool.
func (n *Network) borrow(rows int) *call {
	c, _ := n.scratch.Get().(*call)
	if c == nil {
		c = &call{in: make([][]float32, 0, 2), out: make([][]float32, 0, 1+len(n.data))}
	}
	if rows = min(rows, piece); len(c.number) < rows {
		c.number, c.one = make([]float32, rows), make([]float32, rows)
		for i := range c.one {
			c.one[i] = 1
		}
	}
	return c
}

func (n *Network) mustMatch(grad [][]float32) {
	if len(grad) != len(n.data) {
		panic("bijection: gradient does not have one slice per tensor")
	}
	for i, w := range n.data {
		if len(grad[i]) != len(w) {
			panic("bijection: gradient slice not as long as its tensor")
		}
	}
}
