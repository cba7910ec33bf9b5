package model

import (
	"context"

	"github.com/pathline/pathline/stages/autodiff"
	"github.com/pathline/pathline/stages/solver"
)

// Integrands says what is integrated along the trajectories of a field besides
// the field itself: numbers of a row, in this order.
type Integrands struct {
	// Probes is the number of directions z that the divergence is estimated by, the
	// mean of zᵀ(∂v/∂x)z (Hutchinson 1990); 0 is exact.
	Probes int
	// Kinetic adds |v|²/2 (Finlay et al. 2020, "How to train your neural ODE", eq. 9).
	Kinetic bool
	// Jacobian adds |∂v/∂x|², the sum of the squares of all derivatives; with
	// probes its estimate, the mean of |(∂v/∂x)z|² (ibid., eq. 10; they take zᵀ(∂v/∂x),
	// which has the same mean).
	Jacobian bool
}

// Count is the number of integrands.
func (q Integrands) Count() int {
	n := 1
	if q.Kinetic {
		n++
	}
	if q.Jacobian {
		n++
	}
	return n
}

// values builds the integrands [Count()] of v, with probes z [Probes, d].
func (q Integrands) values(g *autodiff.Graph, x, v, z autodiff.Value) autodiff.Value {
	one := func(v autodiff.Value) autodiff.Value { return g.Reshape(v, 1) }
	var parts []autodiff.Value
	switch {
	case q.Probes == 0:
		parts = append(parts, one(g.Divergence(v, x)))
	default:
		parts = append(parts, one(g.Mul(g.Sum(g.Probe(v, x, z), 0), g.Fill(1/float64(q.Probes)))))
	}
	if q.Kinetic {
		parts = append(parts, one(g.Mul(g.Sum(g.Square(v), 0), g.Fill(0.5))))
	}
	if q.Jacobian {
		n, d := float64(1), x.Shape()[0]
		if q.Probes > 0 {
			n = float64(q.Probes)
		} else {
			z = identity(g, d)
		}
		j := g.JVP([]autodiff.Value{v}, []autodiff.Value{x}, []autodiff.Value{z})[0]
		parts = append(parts, one(g.Mul(g.SumAll(g.Square(j)), g.Fill(1/n))))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return g.Concat(parts...)
}

func identity(g *autodiff.Graph, n int) autodiff.Value {
	data := make([]float64, n*n)
	for i := range n {
		data[i*n+i] = 1
	}
	return g.Const(data, n, n)
}

// Reversible is an optional extension of a Field: its integrands, and the reverse
// mode of both. All built-in networks have it, and their float64 forms.
type Reversible[T solver.Float] interface {
	Field[T]

	// Parameters are the sizes of the parameters, in the order of gradients.
	Parameters() []int

	// Integrate writes v [rows][d] and the integrands dq [rows][q.Count()]. probe is
	// [q.Probes][rows][d].
	Integrate(ctx context.Context, q Integrands, v []T, dq, t []float64, x, probe []T, rows int) error

	// Pull is that of solver.Pullback; cotangents of columns that are held are zero. The
	// derivatives for the parameters are added
	// to grad; there are none when grad is nil. p.ID is not read.
	Pull(ctx context.Context, q Integrands, p solver.Pull[T], probe []T, grad [][]T) error
}

// reverse names a program of a network: of the integrands alone, or pulled back.
type reverse struct {
	q                Integrands
	pull, parameters bool
}

// pullback gives the values of a program: v and the integrands; the cotangent of
// the row, zero where it is held; and those of the parameters.
func (n *network) pullback(g *autodiff.Graph, x, v autodiff.Value, r reverse) []autodiff.Value {
	var z autodiff.Value
	if r.q.Probes > 0 {
		z = n.moving(g, g.Input("probe", r.q.Probes, n.dim))
	}
	q := r.q.values(g, x, v, z)
	outs := []autodiff.Value{n.still(g, v), q}
	if !r.pull {
		return outs
	}
	wrt := []autodiff.Value{x}
	if r.parameters {
		wrt = append(wrt, g.ParamValues()...)
	}
	bars := []autodiff.Value{n.moving(g, g.Input("vbar", n.dim)), g.Input("qbar", r.q.Count())}
	back := g.VJP([]autodiff.Value{v, q}, bars, wrt)
	back[0] = n.still(g, back[0])
	return append(outs, back...)
}

// reversed is the program for r.
func (n *network) reversed(r reverse) (*autodiff.Weighted, error) {
	l := place(&n.reverses, r)
	if p := l.Program(); p != nil { // before a closure is made
		return p, nil
	}
	return n.program(l, func(g *autodiff.Graph, x, v autodiff.Value) []autodiff.Value { return n.pullback(g, x, v, r) })
}

// Parameters implements Reversible.
func (n *network) Parameters() []int {
	var sizes []int
	for _, w := range n.weights.Data() {
		sizes = append(sizes, len(w))
	}
	return sizes
}

// Integrate implements Reversible.
func (n *network) Integrate(ctx context.Context, q Integrands, v []float32, dq, t []float64, x, probe []float32, rows int) error {
	return n.reverse(ctx, reverse{q: q}, solver.Pull[float32]{Rows: rows, T: t, X: x, V: v, Q: dq}, probe, nil)
}

// Pull implements Reversible.
func (n *network) Pull(ctx context.Context, q Integrands, p solver.Pull[float32], probe []float32, grad [][]float32) error {
	if grad != nil {
		n.weights.Match(grad)
	}
	return n.reverse(ctx, reverse{q, true, grad != nil}, p, probe, grad)
}

func (n *network) reverse(ctx context.Context, r reverse, p solver.Pull[float32], probe []float32, grad [][]float32) error {
	n.mustFit(p.V, p.T, p.X, p.Rows)
	d, k, z := n.dim, r.q.Count(), r.q.Probes
	if len(p.Q) < p.Rows*k || len(probe) < z*p.Rows*d || r.pull && (len(p.VBar) < p.Rows*d || len(p.XBar) < p.Rows*d || len(p.QBar) < p.Rows*k) {
		panic("model: slice shorter than its rows")
	}
	b, err := n.reversed(r)
	if err != nil {
		return err
	}
	c := n.borrow(p.Rows)
	defer n.scratch.Put(c)
	size := min(p.Rows, piece)
	if len(c.number) < 2*size*k {
		c.number = make([]float32, 2*size*k)
	}
	if p.Rows > piece && len(c.one) < z*size*d {
		c.one = make([]float32, z*size*d)
	}
	dq, qbar := c.number[:size*k], c.number[size*k:]
	for lo := 0; lo < p.Rows; lo += piece {
		if err := ctx.Err(); err != nil {
			return err
		}
		m := min(piece, p.Rows-lo)
		// What is summed over rows is computed for one time a row.
		same := c.times(p.T[lo : lo+m])
		c.in = append(c.in[:0], p.X[lo*d:(lo+m)*d], c.t)
		c.out = append(c.out[:0], p.V[lo*d:(lo+m)*d], dq)
		if z > 0 {
			w := probe
			if p.Rows > piece { // probes lie [probes][rows][dim]
				w = c.one
				for i := range z {
					copy(w[i*m*d:(i+1)*m*d], probe[(i*p.Rows+lo)*d:])
				}
			}
			c.in = append(c.in, w)
		}
		if r.pull {
			for i, v := range p.QBar[lo*k : (lo+m)*k] {
				qbar[i] = float32(v)
			}
			c.in = append(c.in, p.VBar[lo*d:(lo+m)*d], qbar)
			c.out = append(append(c.out, p.XBar[lo*d:(lo+m)*d]), grad...)
		}
		b.Call(m, same, c.in, c.out)
		for i, v := range dq[:m*k] {
			p.Q[lo*k+i] = float64(v)
		}
	}
	return nil
}

// program64 is what a reverse names, for the interpreter.
type program64 struct {
	graph *autodiff.Graph
	outs  []autodiff.Value
}

// Parameters implements Reversible.
func (f *field64) Parameters() []int { return f.network.Parameters() }

// Weights are the parameters of the field, which may be written.
func (f *field64) Weights() [][]float64 { return f.params }

// Integrate implements Reversible.
func (f *field64) Integrate(ctx context.Context, q Integrands, v, dq, t, x, probe []float64, rows int) error {
	return f.reverse(ctx, reverse{q: q}, solver.Pull[float64]{Rows: rows, T: t, X: x, V: v, Q: dq}, probe, nil)
}

// Pull implements Reversible.
func (f *field64) Pull(ctx context.Context, q Integrands, p solver.Pull[float64], probe []float64, grad [][]float64) error {
	return f.reverse(ctx, reverse{q, true, grad != nil}, p, probe, grad)
}

func (f *field64) reverse(ctx context.Context, r reverse, p solver.Pull[float64], probe []float64, grad [][]float64) error {
	d, k, rows := f.network.dim, r.q.Count(), p.Rows
	built, ok := f.graphs.Load(r)
	if !ok {
		g := autodiff.New()
		x, v := f.network.begin(g)
		outs := f.network.pullback(g, x, v, r)
		if err := g.Err(); err != nil {
			return err
		}
		built, _ = f.graphs.LoadOrStore(r, &program64{g, outs})
	}
	g, outs := built.(*program64).graph, built.(*program64).outs
	for lo := 0; lo < rows; lo += blockRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		m := min(blockRows, rows-lo)
		in := [][]float64{p.X[lo*d : (lo+m)*d], p.T[lo : lo+m]}
		if z := r.q.Probes; z > 0 {
			w := make([]float64, 0, m*z*d) // [rows][probes][dim] from [probes][rows][dim]
			for i := lo; i < lo+m; i++ {
				for j := range z {
					w = append(w, probe[(j*rows+i)*d:(j*rows+i+1)*d]...)
				}
			}
			in = append(in, w)
		}
		if r.pull {
			in = append(in, p.VBar[lo*d:(lo+m)*d], p.QBar[lo*k:(lo+m)*k])
		}
		y, err := g.Interpret(outs, f.params, in, m)
		if err != nil {
			return err
		}
		repeat(p.V[lo*d:(lo+m)*d], y[0]) // what depends on no row is there once
		repeat(p.Q[lo*k:(lo+m)*k], y[1])
		if !r.pull {
			continue
		}
		repeat(p.XBar[lo*d:(lo+m)*d], y[2])
		for i, w := range grad {
			for j, v := range y[3+i] {
				w[j] += v
			}
		}
	}
	return nil
}

func repeat(dst, src []float64) {
	for i := range dst {
		dst[i] = src[i%len(src)]
	}
}
