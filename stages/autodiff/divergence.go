package autodiff

// Divergence is the trace of dv/dx for each row, exact: a number. v and x have
// one axis of the same length d.
//
// It is made of d tangent directions side by side, without the two products
// that need not be: the first tangents are columns of the first weight, the
// same for all rows, and of the last product only the diagonal is wanted,
//
//	tr(U Wᵀ) = sum_ik U[i,k] W[i,k].
//
// With two hidden layers, U[i] = s1 ∘ W1 (s0 ∘ C[i]), the sum over i comes
// first: tr = s1ᵀ M s0 with M = W1 ∘ (W Cᵀ...), which belongs to the weights, so
// that the cost is that of one evaluation for any d. With one hidden layer it is
// a scalar product. These forms are found in the graph, not asked for.
func (g *Graph) Divergence(v, x Value) Value {
	if !g.own("divergence", v, x) {
		return Value{g, g.dead()}
	}
	vs, xs := g.shape(v), g.shape(x)
	if len(vs) != 1 || len(xs) != 1 || vs[0] != xs[0] {
		return g.fail("divergence: %s and %s must have one axis of the same length", g.label(v), g.label(x))
	}
	t := g.JVP([]Value{v}, []Value{x}, []Value{g.identity(vs[0])})
	if g.err != nil {
		return Value{g, g.dead()}
	}
	return g.trace(t[0])
}

// Probe is zᵀ (dv/dx) z for each of k directions z [k, d]: [k]. Its mean over
// random z with mean 0 and covariance I is the divergence (Hutchinson 1990;
// Grathwohl et al. 2019, eq. 8).
func (g *Graph) Probe(v, x, z Value) Value {
	if !g.own("probe", v, x, z) {
		return Value{g, g.dead()}
	}
	vs, xs, zs := g.shape(v), g.shape(x), g.shape(z)
	if len(vs) != 1 || len(xs) != 1 || vs[0] != xs[0] || len(zs) != 2 || zs[1] != xs[0] {
		return g.fail("probe: %s, %s and %s do not fit", g.label(v), g.label(x), g.label(z))
	}
	t := g.JVP([]Value{v}, []Value{x}, []Value{z})
	if g.err != nil {
		return Value{g, g.dead()}
	}
	return g.Sum(g.Mul(t[0], z), 1)
}

func (g *Graph) identity(n int) Value {
	data := make([]float64, n*n)
	for i := range n {
		data[i*n+i] = 1
	}
	return g.Const(data, n, n)
}

// trace is sum_i t[i,i] of t [n, n].
func (g *Graph) trace(t Value) Value {
	n := g.nodes[t.n]
	d := n.shape[0]
	arg := func(i int) Value { return Value{g, n.args[i]} }
	switch {
	case n.op == opConst && n.data == nil:
		return g.Fill(n.fill * float64(d))
	case n.op == opBinary && n.kind == addOp && len(g.shape(arg(0))) == 2 && len(g.shape(arg(1))) == 2:
		return g.Add(g.trace(arg(0)), g.trace(arg(1)))
	case n.op == opBinary && n.kind == mulOp && len(g.shape(arg(0))) == 2 && len(g.shape(arg(1))) == 0:
		return g.Mul(g.trace(arg(0)), arg(1))
	case n.op == opLinear && len(n.args) == 2 && g.nodes[n.args[0]].class != uniform:
		return g.inner(arg(0), arg(1))
	case n.op == opSlice && n.i == 0:
		// The first d columns of something wider: those of its weight.
		if l := g.nodes[n.args[0]]; l.op == opLinear && len(l.args) == 2 {
			w := g.Transpose(g.Slice(g.Transpose(Value{g, l.args[1]}), 0, d))
			return g.inner(Value{g, l.args[0]}, w)
		}
	}
	diagonal := make([]int32, d)
	for i := range diagonal {
		diagonal[i] = int32(i * (d + 1))
	}
	return g.Sum(g.Gather(g.Reshape(t, d*d), diagonal), 0)
}

// inner is sum_ik u[i,k] w[i,k], w the same for all rows.
func (g *Graph) inner(u, w Value) Value {
	if a, s, ok := g.scaled(u); ok {
		if g.nodes[a.n].class == uniform { // sum_k s[k] sum_i a[i,k] w[i,k]
			return g.Sum(g.Mul(s, g.Sum(g.Mul(a, w), 0)), 0)
		}
		if n := g.nodes[a.n]; n.op == opLinear && len(n.args) == 2 {
			if c, r, ok := g.scaled(Value{g, n.args[0]}); ok && g.nodes[c.n].class == uniform {
				// sum_kj s[k] W1[k,j] r[j] sum_i w[i,k] c[i,j]
				m := g.Mul(Value{g, n.args[1]}, g.Linear(g.Transpose(w), g.Transpose(c), Value{}))
				return g.Sum(g.Mul(s, g.Linear(r, m, Value{})), 0)
			}
		}
	}
	return g.SumAll(g.Mul(u, w))
}

// scaled takes u [n, k] apart into a [n, k] times s [k].
func (g *Graph) scaled(u Value) (a, s Value, ok bool) {
	n := g.nodes[u.n]
	if n.op != opBinary || n.kind != mulOp {
		return a, s, false
	}
	a, s = Value{g, n.args[0]}, Value{g, n.args[1]}
	if len(g.shape(a)) == 1 {
		a, s = s, a
	}
	return a, s, len(g.shape(a)) == 2 && len(g.shape(s)) == 1
}
