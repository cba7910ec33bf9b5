package model

import (
	"context"
	"errors"

	"github.com/pathline/pathline/stages/autodiff"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/solver"
)

// Linearized is an optional extension of a Field: products of its Jacobian with
// chosen vectors, which estimates of the trace need that first look where the
// Jacobian is large.
type Linearized[T solver.Float] interface {
	Field[T]

	// Product writes v [rows][d] and, for each of k vectors z [k][rows][d], the
	// product (∂v/∂x) z to jz, laid out alike. Of columns that are held z is not
	// read and jz is zero.
	Product(ctx context.Context, v, jz []T, t []float64, x, z []T, rows, k int) error
}

// Products is the field as a Linearized, if it is one. A field that is made of others
// has the method whatever they are, and says by Linear() whether it can be called.
func Products[T solver.Float](f Field[T]) (Linearized[T], bool) {
	if w, ok := f.(interface{ Linear() bool }); ok && !w.Linear() {
		return nil, false
	}
	l, ok := f.(Linearized[T])
	return l, ok
}

// ErrNoProduct is what a field gives that is made of one without Product.
var ErrNoProduct = errors.New("model: the field gives no products of its Jacobian with vectors")

// Product implements Linearized: k tangents side by side.
func (n *network) Product(ctx context.Context, v, jz []float32, t []float64, x, z []float32, rows, k int) error {
	n.mustFit(v, t, x, rows)
	d := n.dim
	if k < 1 || len(jz) < k*rows*d || len(z) < k*rows*d {
		panic("model: slice shorter than its rows")
	}
	b, err := n.product(k)
	if err != nil {
		return err
	}
	c := n.borrow(rows)
	defer n.scratch.Put(c)
	var from, to []float32 // of a piece, where there are several
	if rows > piece {
		from, to = make([]float32, k*piece*d), make([]float32, k*piece*d)
	}
	for r := 0; r < rows; r += piece {
		if err := ctx.Err(); err != nil {
			return err
		}
		m := min(piece, rows-r)
		same := c.times(t[r : r+m])
		in, out := z[:k*rows*d], jz[:k*rows*d]
		if rows > piece {
			in, out = from[:k*m*d], to[:k*m*d]
			for p := range k {
				copy(in[p*m*d:(p+1)*m*d], z[(p*rows+r)*d:])
			}
		}
		c.in = append(c.in[:0], x[r*d:(r+m)*d], c.t, in)
		c.out = append(c.out[:0], v[r*d:(r+m)*d], out)
		b.Call(m, same, c.in, c.out)
		if rows > piece {
			for p := range k {
				copy(jz[(p*rows+r)*d:(p*rows+r+m)*d], out[p*m*d:])
			}
		}
	}
	return nil
}

// tangents builds the products of the Jacobian with k vectors, [k, dim].
func (n *network) tangents(g *autodiff.Graph, x, v autodiff.Value, k int) autodiff.Value {
	jz := g.JVP([]autodiff.Value{v}, []autodiff.Value{x}, []autodiff.Value{n.moving(g, g.Input("z", k, n.dim))})[0]
	if n.held > 0 {
		jz = g.Concat(jz, g.Fill(0, k, n.held))
	}
	return jz
}

// product is the program for k vectors.
func (n *network) product(k int) (*autodiff.Weighted, error) {
	return n.program(place(&n.products, k), func(g *autodiff.Graph, x, v autodiff.Value) []autodiff.Value {
		return []autodiff.Value{n.still(g, v), n.tangents(g, x, v, k)}
	})
}

// Product implements Linearized.
func (f *field64) Product(ctx context.Context, v, jz []float64, t []float64, x, z []float64, rows, k int) error {
	n, d := f.network, f.network.dim
	if rows < 0 || k < 1 || len(v) < rows*d || len(x) < rows*d || len(t) < rows || len(jz) < k*rows*d || len(z) < k*rows*d {
		panic("model: slice shorter than its rows")
	}
	g := autodiff.New()
	xs, vs := n.begin(g)
	outs := []autodiff.Value{n.still(g, vs), n.tangents(g, xs, vs, k)}
	for r := range rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		one := make([]float64, 0, k*d)
		for p := range k {
			one = append(one, z[(p*rows+r)*d:(p*rows+r+1)*d]...)
		}
		y, err := g.Interpret(outs, f.params, [][]float64{x[r*d : (r+1)*d], t[r : r+1], one}, 1)
		if err != nil {
			return err
		}
		copy(v[r*d:], y[0])
		for p := range k {
			copy(jz[(p*rows+r)*d:(p*rows+r+1)*d], y[1][p*d:])
		}
	}
	return nil
}

// Product implements Linearized.
func (g *GMM) Product(ctx context.Context, v, jz, t, x, z []float64, rows, k int) error {
	g.mustFit(v, t, x, rows)
	d := g.dim
	if k < 1 || len(jz) < k*rows*d || len(z) < k*rows*d {
		panic("model: slice shorter than its rows")
	}
	return g.eachRow(ctx, t, rows, func(s *mixtureScratch, c path.Coef, r int) {
		vr := v[r*d : (r+1)*d]
		g.velocity(s, c, vr, x[r*d:(r+1)*d])
		g.scores(s, c)
		for p := range k {
			at := (p*rows + r) * d
			g.product(s, c, jz[at:at+d], vr, z[at:at+d])
		}
	})
}

// product is (∂v/∂x) z, after scores.
func (g *GMM) product(s *mixtureScratch, c path.Coef, jz, v, z []float64) {
	d := g.dim
	clear(jz)
	turned := make([]float64, d)
	for k := range g.components {
		r := s.r[k]
		if r == 0 {
			continue
		}
		p := &g.components[k]
		p.unrotate(s.sum, z)
		for j, spread := range p.spread {
			s.sum[j] *= r * rate(c, spread)
		}
		clear(turned)
		p.addRotated(turned, s.sum)
		var zg float64
		for j := range d {
			zg += z[j] * (s.g[k*d+j] - s.v[j])
		}
		for j := range d {
			jz[j] += turned[j] + r*zg*(s.u[k*d+j]-v[j])
		}
	}
}
