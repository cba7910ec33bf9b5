package model

import (
	"context"
	"fmt"
	"sync"

	"github.com/pathline/pathline/stages/autodiff"
	"github.com/pathline/pathline/stages/random"
)

// Forward is a vector field written as a program of one row: it builds v [dim]
// from x [dim] and t [1], and declares its weights on the way. It is called
// several times and builds the same every time.
type Forward func(g *autodiff.Graph, x, t autodiff.Value) (v autodiff.Value)

// HeldForward is a Forward with conditions c [held] beside x [dim]. Where nothing
// is held, c is the zero Value.
type HeldForward func(g *autodiff.Graph, x, c, t autodiff.Value) (v autodiff.Value)

// NewNetwork makes a Network for rows of dim columns of a forward function: its
// divergence, probes, gradient and float64 form follow. Weights are zero. An
// error is a mistake of the function: shapes that do not fit.
func NewNetwork(dim int, forward Forward) (Network, error) {
	return NewHeldNetwork(dim, 0, func(g *autodiff.Graph, x, _, t autodiff.Value) autodiff.Value { return forward(g, x, t) })
}

// NewHeldNetwork is NewNetwork for rows of dim columns and held columns of
// conditions behind them; see [Conditional] for what it says about those.
func NewHeldNetwork(dim, held int, forward HeldForward) (Network, error) {
	n := &network{dim: dim + held, held: held, forward: forward, error: SquaredError}
	g := autodiff.New()
	_, v := n.begin(g)
	if err := g.Err(); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if s := v.Shape(); len(s) != 1 || s[0] != dim {
		return nil, fmt.Errorf("model: the field has shape %v, rows have %d columns", s, dim)
	}
	n.weights = autodiff.NewWeights(g.Params())
	if _, err := n.evaluate(); err != nil {
		return nil, err
	}
	return n, nil
}

// network is the Network of a Forward.
type network struct {
	dim     int // columns of a row, held ones included
	held    int
	forward HeldForward
	error   Loss // of a row
	weights *autodiff.Weights

	eval     autodiff.Lazy
	exact    autodiff.Lazy
	loss     autodiff.Lazy
	gradient autodiff.Lazy
	probes   sync.Map  // of *autodiff.Lazy, by number
	products sync.Map  // likewise
	reverses sync.Map  // likewise, by reverse
	scratch  sync.Pool // of *call
}

// call is the memory of one call.
type call struct {
	t, one, number []float32
	in, out        [][]float32
}

// piece is how many rows go through a program between two looks at the context.
const piece = 1024

// begin takes a row apart, into x and conditions, and builds v of them.
func (n *network) begin(g *autodiff.Graph) (x, v autodiff.Value) {
	var c autodiff.Value
	x, t := g.Input("x", n.dim), g.Time("t", 1)
	if n.held > 0 {
		x, c = n.moving(g, x), g.Slice(x, n.dim-n.held, n.dim)
	}
	return x, n.forward(g, x, c, t)
}

// moving are the columns of a row, or of several, that are not held.
func (n *network) moving(g *autodiff.Graph, row autodiff.Value) autodiff.Value {
	if n.held == 0 {
		return row
	}
	return g.Slice(row, 0, n.dim-n.held)
}

// still puts the velocity of the columns that are held, zero, behind v.
func (n *network) still(g *autodiff.Graph, v autodiff.Value) autodiff.Value {
	if n.held == 0 {
		return v
	}
	return g.Concat(v, g.Fill(0, n.held))
}

// program gives the program at l, compiled when it is first asked for, with the present
// weights; outs gets x and v.
func (n *network) program(l *autodiff.Lazy, outs func(g *autodiff.Graph, x, v autodiff.Value) []autodiff.Value) (*autodiff.Weighted, error) {
	if p := l.Program(); p != nil {
		return p, nil
	}
	p, err := n.weights.Program(l, func() (*autodiff.Graph, []autodiff.Value) {
		g := autodiff.New()
		x, v := n.begin(g)
		return g, outs(g, x, v)
	})
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return p, nil
}

// place is where the program with a key is.
func place[K comparable](programs *sync.Map, key K) *autodiff.Lazy {
	if l, ok := programs.Load(key); ok {
		return l.(*autodiff.Lazy)
	}
	kept := key // the map keeps this one, so that to look does not allocate
	l, _ := programs.LoadOrStore(kept, new(autodiff.Lazy))
	return l.(*autodiff.Lazy)
}

// evaluate is the program for v alone.
func (n *network) evaluate() (*autodiff.Weighted, error) {
	return n.program(&n.eval, func(g *autodiff.Graph, _, v autodiff.Value) []autodiff.Value { return []autodiff.Value{n.still(g, v)} })
}

func (n *network) Dim() int { return n.dim }

// Held implements Holder.
func (n *network) Held() int { return n.held }

// Tensors are the parameters in the order in which Forward declares them.
func (n *network) Tensors() []Tensor { return TensorsOf(n.weights) }

// TensorsOf names weights, in their order.
func TensorsOf(w *autodiff.Weights) []Tensor {
	var ts []Tensor
	for i, p := range w.Params() {
		ts = append(ts, Tensor{Name: p.Name, Shape: p.Shape, Data: w.Data()[i]})
	}
	return ts
}

// Changed takes the weights as they are into use.
func (n *network) Changed(share Share) { n.weights.Changed(share) }

// Init draws the weights; see autodiff.Weights.
func (n *network) Init(key random.Key) { n.weights.Init(key) }

// borrow takes memory for a call of some rows from the pool.
func (n *network) borrow(rows int) *call {
	c, _ := n.scratch.Get().(*call)
	if c == nil {
		c = &call{in: make([][]float32, 0, 8), out: make([][]float32, 0, 8)}
	}
	if rows = min(rows, piece); len(c.t) < rows {
		c.t = make([]float32, rows)
	}
	return c
}

// times narrows t and says whether all are equal.
func (c *call) times(t []float64) (same bool) {
	same = true
	for i, v := range t {
		c.t[i] = float32(v)
		same = same && v == t[0]
	}
	return same
}

// Eval is v(t, x).
func (n *network) Eval(ctx context.Context, dx []float32, t []float64, x []float32, rows int) error {
	n.mustFit(dx, t, x, rows)
	p, err := n.evaluate()
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
		same := c.times(t[r : r+m])
		c.in = append(c.in[:0], x[r*n.dim:(r+m)*n.dim], c.t)
		c.out = append(c.out[:0], dx[r*n.dim:(r+m)*n.dim])
		p.Call(m, same, c.in, c.out)
	}
	return nil
}

// Divergence writes v and its divergence, exact or by probes.
func (n *network) Divergence(ctx context.Context, v []float32, div []float64, t []float64, x, probe []float32, rows, probes int) error {
	n.mustFit(v, t, x, rows)
	if probes < 0 || len(div) < rows*max(1, probes) || len(probe) < probes*rows*n.dim {
		panic("model: slice shorter than its rows")
	}
	b, err := n.divergence(probes)
	if err != nil {
		return err
	}
	c := n.borrow(rows)
	defer n.scratch.Put(c)
	k := max(1, probes)
	if size := min(rows, piece) * k; len(c.number) < size {
		c.number = make([]float32, size)
	}
	if size := probes * min(rows, piece) * n.dim; rows > piece && len(c.one) < size {
		c.one = make([]float32, size)
	}
	for r := 0; r < rows; r += piece {
		if err := ctx.Err(); err != nil {
			return err
		}
		m := min(piece, rows-r)
		same := c.times(t[r : r+m])
		c.in = append(c.in[:0], x[r*n.dim:(r+m)*n.dim], c.t)
		if probes > 0 {
			z := probe
			if rows > piece { // probes lie [probes][rows][dim]
				z = c.one
				for p := range probes {
					copy(z[p*m*n.dim:(p+1)*m*n.dim], probe[(p*rows+r)*n.dim:])
				}
			}
			c.in = append(c.in, z)
		}
		c.out = append(c.out[:0], v[r*n.dim:(r+m)*n.dim], c.number)
		b.Call(m, same, c.in, c.out)
		for i, d := range c.number[:m*k] {
			div[r*k+i] = float64(d)
		}
	}
	return nil
}

// divergence is the program for the exact divergence, or for some probes.
func (n *network) divergence(probes int) (*autodiff.Weighted, error) {
	if probes == 0 {
		return n.program(&n.exact, func(g *autodiff.Graph, x, v autodiff.Value) []autodiff.Value {
			return []autodiff.Value{n.still(g, v), g.Divergence(v, x)}
		})
	}
	return n.program(place(&n.probes, probes), func(g *autodiff.Graph, x, v autodiff.Value) []autodiff.Value {
		return []autodiff.Value{n.still(g, v), g.Probe(v, x, n.moving(g, g.Input("probe", probes, n.dim)))}
	})
}

// Gradient is the loss and its derivatives for the weights, in one program.
func (n *network) Gradient(ctx context.Context, grad [][]float32, t []float64, x, target, weight []float32, rows int) (float64, error) {
	n.mustFit(target, t, x, rows)
	if weight != nil && len(weight) < rows {
		panic("model: slice shorter than its rows")
	}
	if grad != nil {
		n.weights.Match(grad)
	}
	b, err := n.losses(grad != nil)
	if err != nil {
		return 0, err
	}
	c := n.borrow(rows)
	defer n.scratch.Put(c)
	if size := min(rows, piece); len(c.number) < size {
		c.number = make([]float32, size)
	}
	if size := min(rows, piece); weight == nil && len(c.one) < size {
		c.one = make([]float32, size)
	}
	if weight == nil {
		for i := range c.one[:min(rows, piece)] {
			c.one[i] = 1
		}
	}
	var loss float64
	d := n.dim
	for r := 0; r < rows; r += piece {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		m := min(piece, rows-r)
		c.times(t[r : r+m])
		w := c.one
		if weight != nil {
			w = weight[r : r+m]
		}
		c.in = append(c.in[:0], x[r*d:(r+m)*d], c.t, target[r*d:(r+m)*d], w)
		c.out = append(append(c.out[:0], c.number), grad...)
		b.Call(m, false, c.in, c.out)
		for _, v := range c.number[:m] {
			loss += float64(v)
		}
	}
	return loss, nil
}

// losses is the program for the losses of rows, with or without derivatives.
func (n *network) losses(derivatives bool) (*autodiff.Weighted, error) {
	at := &n.loss
	if derivatives {
		at = &n.gradient
	}
	if p := at.Program(); p != nil { // before a closure is made
		return p, nil
	}
	return n.program(at, func(g *autodiff.Graph, _, v autodiff.Value) []autodiff.Value {
		e := g.Sub(v, n.moving(g, g.Input("target", n.dim)))
		loss := g.Mul(n.error(g, e), g.Reshape(g.Input("weight", 1)))
		if !derivatives {
			return []autodiff.Value{loss}
		}
		return append([]autodiff.Value{loss}, g.Gradient(loss)...)
	})
}

// mustFit panics when slices are too short for rows.
func (n *network) mustFit(v []float32, t []float64, x []float32, rows int) {
	if rows < 0 || len(v) < rows*n.dim || len(x) < rows*n.dim || len(t) < rows {
		panic("model: slice shorter than its rows")
	}
}
