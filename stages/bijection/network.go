package bijection

import (
	"context"
	"fmt"
	"sync"

	"github.com/pathline/pathline/stages/autodiff"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
)

// NewNetwork makes a Trainable for rows of dim columns of a layer and a base.
// Weights are zero. An error is a mistake of the layer: shapes that do not fit.
func NewNetwork(dim int, layer Layer, base Base) (*Network, error) {
	return NewHeldNetwork(dim, 0, layer, base)
}

// NewHeldNetwork makes a Trainable for rows of dim columns and, behind them, held
// columns of conditions, which are the context of the layer's conditioners; see
// Conditional.
func NewHeldNetwork(dim, held int, layer Layer, base Base) (*Network, error) {
	n := &Network{dim: dim, held: held, layer: layer, base: base}
	g, b, x := n.row()
	z, logdet := layer.Normalize(b, x)
	if err := g.Err(); err != nil {
		return nil, fmt.Errorf("bijection: %w", err)
	}
	if s := z.Shape(); len(s) != 1 || s[0] != dim || len(logdet.Shape()) != 0 {
		return nil, fmt.Errorf("bijection: a row of %d columns becomes %v with a log-determinant %v", dim, s, logdet.Shape())
	}
	if base.Density(b, z); g.Err() != nil { // it may have weights
		return nil, fmt.Errorf("bijection: the base: %w", g.Err())
	}
	n.weights = autodiff.NewWeights(g.Params())
	return n, nil
}

// Network is a layer with a base and weights, compiled.
type Network struct {
	dim      int // columns that are mapped
	held     int // columns of conditions behind them
	layer    Layer
	base     Base
	weights  *autodiff.Weights
	programs [programs]autodiff.Lazy
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

// call is the memory of one call.
type call struct {
	number, one []float32
	in, out     [][]float32
}

// piece is how many rows go through a program between two looks at the context.
const piece = 1024

// row begins a program: a graph with the columns x of a row, whose conditions are
// the context of the builder.
func (n *Network) row() (g *autodiff.Graph, b *Builder, x Value) {
	g = autodiff.New()
	row := g.Input("x", n.dim+n.held)
	if n.held == 0 {
		return g, NewBuilder(g, Value{}), row
	}
	return g, NewBuilder(g, g.Slice(row, n.dim, n.dim+n.held)), g.Slice(row, 0, n.dim)
}

// build writes a program on a graph and gives its outputs.
func (n *Network) build(kind int) (*autodiff.Graph, []autodiff.Value) {
	g, b, x := n.row()
	// whole is what becomes of a row.
	whole := func(y, logdet Value) []autodiff.Value {
		logdet = n.ofRow(g, x, logdet)
		if n.held > 0 {
			y = g.Concat(y, b.Context)
		}
		return []autodiff.Value{y, logdet}
	}
	if kind == generating {
		return g, whole(n.layer.Generate(b, x))
	}
	z, logdet := n.layer.Normalize(b, x)
	if kind == normalizing {
		return g, whole(z, logdet)
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

// program is one of the programs, with the present weights.
func (n *Network) program(kind int) (*autodiff.Weighted, error) {
	l := &n.programs[kind]
	if p := l.Program(); p != nil {
		return p, nil
	}
	p, err := n.weights.Program(l, func() (*autodiff.Graph, []autodiff.Value) { return n.build(kind) })
	if err != nil {
		return nil, fmt.Errorf("bijection: %w", err)
	}
	return p, nil
}

// Dim is the number of columns of a row, conditions included.
func (n *Network) Dim() int { return n.dim + n.held }

// Held implements model.Holder: the last columns of a row are conditions.
func (n *Network) Held() int { return n.held }

// Base is the distribution of Normalize(x), with the present weights.
func (n *Network) Base() model.Base { return n.base.Distribution(n.weights.Of) }

// Tensors are the parameters in the order in which Normalize declares them.
func (n *Network) Tensors() []model.Tensor { return model.TensorsOf(n.weights) }

// Changed takes the weights as they are into use.
func (n *Network) Changed(share model.Share) { n.weights.Changed(share) }

// Init draws the weights; see autodiff.Weights.
func (n *Network) Init(key random.Key) { n.weights.Init(key) }

// Normalize implements Bijection.
func (n *Network) Normalize(ctx context.Context, z, x []float32, logdet []float64, rows int) error {
	return n.run(ctx, normalizing, z, x, logdet, rows)
}

// Generate implements Bijection.
func (n *Network) Generate(ctx context.Context, x, z []float32, logdet []float64, rows int) error {
	return n.run(ctx, generating, x, z, logdet, rows)
}

func (n *Network) run(ctx context.Context, kind int, to, from []float32, logdet []float64, rows int) error {
	d := n.Dim()
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
	d := n.Dim()
	if rows < 0 || len(x) < rows*d || weight != nil && len(weight) < rows || loss != nil && len(loss) < rows {
		panic("bijection: slice shorter than its rows")
	}
	kind := losing
	if grad != nil {
		n.weights.Match(grad)
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
			for _, i := range b.Used {
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
		c = &call{in: make([][]float32, 0, 2), out: make([][]float32, 0, 1+len(n.weights.Data()))}
	}
	if rows = min(rows, piece); len(c.number) < rows {
		c.number, c.one = make([]float32, rows), make([]float32, rows)
		for i := range c.one {
			c.one[i] = 1
		}
	}
	return c
}
