package autodiff

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/internal/kernel"
)

// function is a graph with one output, for the laws: it depends on a row x of
// the given shape, on a time t [1], and on parameters.
type function struct {
	name   string
	shape  []int
	build  func(g *Graph, x, t Value) Value
	lo, hi float64 // range of x; [-1.5, 1.5] when both are 0
	kinks  bool    // the second derivative is not that of differences
}

func weight(g *Graph, name string, out, in int) Value {
	return g.Param(name, Init{Bound: 1 / math.Sqrt(float64(in))}, out, in)
}

// triangle is 1 on and below the diagonal of [n, n].
func triangle(g *Graph, n int) Value {
	m := make([]float64, n*n)
	for i := range n {
		for j := range i + 1 {
			m[i*n+j] = 1
		}
	}
	return g.Const(m, n, n)
}

// functions has every operation at least once.
func functions() []function {
	list := []function{
		{name: "binary", shape: []int{4}, build: func(g *Graph, x, t Value) Value {
			p := g.Param("p", Init{Bound: 1}, 4)
			a := g.Add(g.Mul(x, p), g.Sub(g.Fill(0.5), x))
			b := g.Div(a, g.Add(g.Square(x), g.Fill(1)))
			return g.Add(g.Scale(b, 1.5), g.Slice(t, 0, 1).scalar())
		}},
		{name: "repeated", shape: []int{3, 4}, build: func(g *Graph, x, t Value) Value {
			p, q := g.Param("p", Init{Bound: 1}, 4), g.Param("q", Init{Bound: 1}, 3, 4)
			y := g.Mul(g.Mul(x, p), g.Tanh(g.Sum(x, 0)))
			return g.Add(g.Add(y, q), g.Mul(g.Sum(g.Sum(x, 1), 0), p))
		}},
		{name: "max", shape: []int{5}, kinks: true, build: func(g *Graph, x, t Value) Value {
			p := g.Param("p", Init{Bound: 1}, 5)
			return g.Mul(g.Max(x, p), g.Min(g.Square(x), g.Fill(0.7)))
		}},
		{name: "select", shape: []int{5}, kinks: true, build: func(g *Graph, x, t Value) Value {
			return g.Select(g.Sub(x, g.Fill(0.25)), g.Square(x), g.Mul(x, g.Fill(3)))
		}},
		{name: "linear", shape: []int{3}, build: func(g *Graph, x, t Value) Value {
			b := g.Param("b", Init{Bound: 1}, 5)
			return g.Square(g.Linear(x, weight(g, "w", 5, 3), b))
		}},
		{name: "linear of planes", shape: []int{2, 3}, build: func(g *Graph, x, t Value) Value {
			y := g.Linear(x, weight(g, "w", 4, 3), g.Param("b", Init{Bound: 1}, 2, 4))
			return g.Tanh(g.Linear(y, weight(g, "v", 3, 4), g.Scale(x, 2)))
		}},
		{name: "masked", shape: []int{3}, build: func(g *Graph, x, t Value) Value {
			mask := g.Const([]float64{1, 0, 0, 1, 1, 0, 1, 1, 1}, 3, 3)
			return g.Sin(g.Linear(x, g.Mul(weight(g, "w", 3, 3), mask), Value{}))
		}},
		{name: "masked, wide", shape: []int{3}, build: func(g *Graph, x, t Value) Value {
			h := g.Tanh(g.Linear(x, weight(g, "in", 70, 3), Value{}))
			h = g.Tanh(g.Linear(h, g.Mul(weight(g, "w", 70, 70), triangle(g, 70)), g.Param("b", Init{Bound: 1}, 70)))
			return g.Linear(h, weight(g, "out", 2, 70), Value{})
		}},
		{name: "triangular", shape: []int{3}, build: func(g *Graph, x, t Value) Value {
			l := g.Mul(weight(g, "l", 3, 3), g.Const([]float64{1, 0, 0, 1, 1, 0, 1, 1, 1}, 3, 3))
			u := g.Mul(weight(g, "u", 3, 3), g.Const([]float64{1, 1, 1, 0, 1, 1, 0, 0, 1}, 3, 3))
			s := g.Exp(g.Param("s", Init{Bound: 1}, 3))
			return g.Mul(g.Tanh(g.Linear(x, g.Linear(l, g.Transpose(u), Value{}), Value{})), s)
		}},
		{name: "transpose", shape: []int{2, 3}, build: func(g *Graph, x, t Value) Value {
			return g.Exp(g.Linear(g.Transpose(x), weight(g, "w", 4, 2), Value{}))
		}},
		{name: "reshape", shape: []int{2, 6}, build: func(g *Graph, x, t Value) Value {
			y := g.Square(g.Reshape(x, 3, 4))
			return g.Linear(g.Reshape(y, 12), weight(g, "w", 2, 12), Value{})
		}},
		{name: "concat", shape: []int{4}, build: func(g *Graph, x, t Value) Value {
			f := g.Sin(g.Mul(g.Broadcast(t.scalar(), 0, 6), g.Const([]float64{1, 2, 3, 4, 5, 6}, 6)))
			h := g.Concat(g.Slice(x, 1, 4), f, g.Fill(0, 2), g.Square(x))
			return g.Tanh(g.Linear(h, weight(g, "w", 5, 15), g.Param("b", Init{Bound: 1}, 5)))
		}},
		{name: "concat of planes", shape: []int{2, 3}, build: func(g *Graph, x, t Value) Value {
			h := g.Concat(x, g.Cos(x), g.Fill(2, 2, 1))
			return g.Sum(g.Square(g.Mul(h, g.Fill(0.5))), 0)
		}},
		{name: "slice", shape: []int{6}, build: func(g *Graph, x, t Value) Value {
			return g.Mul(g.Exp(g.Slice(x, 0, 3)), g.Slice(x, 3, 6))
		}},
		{name: "slices", shape: []int{2, 20}, build: func(g *Graph, x, t Value) Value {
			y := g.Sin(x)
			a := g.Mul(g.Slice(y, 7, 11), g.Slice(y, 1, 5))
			b := g.Mul(g.Slice(y, 11, 15), g.Slice(y, 16, 20)) // of which one touches another
			c := g.Mul(g.Slice(y, 5, 7), g.Exp(g.Slice(y, 9, 11)))
			return g.Concat(a, b, c)
		}},
		{name: "sums", shape: []int{2, 3, 4}, build: func(g *Graph, x, t Value) Value {
			a := g.Broadcast(g.Sum(g.Square(x), 1), 1, 3)
			b := g.Broadcast(g.Sum(x, 2), 2, 4)
			return g.Mul(g.Sum(g.Mul(a, b), 0), g.Fill(0.3))
		}},
		{name: "dot", shape: []int{2, 5}, build: func(g *Graph, x, t Value) Value {
			p := g.Param("p", Init{Bound: 1}, 5)
			return g.Concat(g.Sum(g.Mul(x, p), 1), g.Sum(g.Mul(g.Sin(x), x), 1))
		}},
		{name: "gather", shape: []int{5}, build: func(g *Graph, x, t Value) Value {
			y := g.Gather(g.Square(x), []int32{4, 0, -1, 2, 2, 1})
			return g.Mul(g.Scatter(g.Sin(y), []int32{3, 1, 0, 3, -1, 2}, 4), g.Fill(2))
		}},
		{name: "softmax", shape: []int{2, 4}, build: func(g *Graph, x, t Value) Value {
			return g.Softmax(g.Scale(x, 3))
		}},
		{name: "cumsum", shape: []int{2, 4}, build: func(g *Graph, x, t Value) Value {
			return g.Square(g.CumSum(x))
		}},
		{name: "bin", shape: []int{3}, kinks: true, build: func(g *Graph, x, t Value) Value {
			knots := g.Const([]float64{-2, -0.3, 0.4, 2, -2, -0.5, 0.1, 2, -2, 0, 0.9, 2}, 3, 4)
			v := g.Param("v", Init{Bound: 1}, 3, 3)
			return g.Mul(x, g.Sum(g.Mul(g.Bin(x, knots), v), 1))
		}},
		{name: "layernorm", shape: []int{2, 5}, build: func(g *Graph, x, t Value) Value {
			return g.Mul(g.LayerNorm(x, 1e-5), g.Param("p", Init{Mean: 1, Bound: 0.5}, 5))
		}},
		{name: "conv2d", shape: []int{12, 2}, build: func(g *Graph, x, t Value) Value {
			y := g.Tanh(g.Conv2D(x, weight(g, "w", 3, 18), g.Param("b", Init{Bound: 1}, 3), 3, 4, 3, 3))
			return g.Conv2D(y, weight(g, "v", 1, 9), Value{}, 3, 4, 1, 3)
		}},
		{name: "conv2d of several images", shape: []int{2, 6, 3}, build: func(g *Graph, x, t Value) Value {
			y := g.Sin(g.Conv2D(x, weight(g, "w", 2, 45), Value{}, 2, 3, 3, 5)) // wider than the image
			return g.Conv2D(g.Mul(y, x.g.Sum(y, 0)), weight(g, "v", 4, 6), g.Param("b", Init{Bound: 1}, 6, 4), 3, 2, 3, 1)
		}},
		{name: "conv2d of what rows share", shape: []int{4, 2}, build: func(g *Graph, x, t Value) Value {
			w := weight(g, "w", 2, 18)
			a := g.Conv2D(g.Param("p", Init{Bound: 1}, 4, 2), w, Value{}, 2, 2, 3, 3)
			b := g.Conv2D(g.Mul(g.Broadcast(g.Broadcast(t.scalar(), 0, 2), 0, 4), g.Fill(2, 4, 2)), w, Value{}, 2, 2, 3, 3)
			return g.Mul(g.Add(a, b), g.Square(g.Conv2D(x, w, Value{}, 2, 2, 3, 3)))
		}},
		{name: "perceptron", shape: []int{3}, build: func(g *Graph, x, t Value) Value { return network(g, x, t, 3, 8, 7, 9) }},
		{name: "residual", shape: []int{3}, build: func(g *Graph, x, t Value) Value {
			h := g.Linear(x, weight(g, "in", 6, 3), g.Param("c", Init{Bound: 1}, 6))
			for i := range 2 {
				f := g.Mul(g.LayerNorm(h, 1e-5), g.Add(g.Fill(1), g.Linear(t, weight(g, fmt.Sprint("film", i), 6, 1), Value{})))
				f = g.GELU(g.Linear(f, weight(g, fmt.Sprint("a", i), 5, 6), Value{}))
				h = g.Add(h, g.Linear(f, weight(g, fmt.Sprint("b", i), 6, 5), Value{}))
			}
			return g.Linear(h, weight(g, "out", 3, 6), Value{})
		}},
		{name: "stopgradient", shape: []int{3}, kinks: true, build: func(g *Graph, x, t Value) Value {
			return g.Mul(x, g.StopGradient(g.Fill(2, 3)))
		}},
	}
	for i := range int(unaries) {
		f := function{name: unaryOps[i].name, shape: []int{7}, build: func(g *Graph, x, t Value) Value {
			return g.Mul(g.unary(i, x), g.Add(x, g.Fill(3)))
		}}
		switch i {
		case log, sqrt, reciprocal:
			f.lo, f.hi = 0.1, 3
		case log1p:
			f.lo, f.hi = -0.8, 3
		case step, floor, abs, relu, selu, seluSlope:
			f.kinks = true
		}
		list = append(list, f)
	}
	return list
}

// network is a perceptron of x and t.
func network(g *Graph, x, t Value, dim int, hidden ...int) Value {
	h := g.Concat(x, t)
	for i, w := range hidden {
		in := h.Shape()[0]
		h = g.Linear(h, weight(g, fmt.Sprintf("%d.weight", i), w, in), g.Param(fmt.Sprintf("%d.bias", i), Init{Bound: 0.5}, w))
		switch i % 3 {
		case 0:
			h = g.SiLU(h)
		case 1:
			h = g.Tanh(h)
		default:
			h = g.GELU(h)
		}
	}
	return g.Linear(h, weight(g, "out.weight", dim, h.Shape()[0]), g.Param("out.bias", Init{Bound: 0.5}, dim))
}

// scalar is a value [1] without its axis.
func (v Value) scalar() Value { return v.g.Reshape(v) }

func (f function) graph(t testing.TB) (g *Graph, x, at, y Value) {
	g = New()
	x, at = g.Input("x", f.shape...), g.Time("t", 1)
	y = f.build(g, x, at)
	if err := g.Err(); err != nil {
		t.Fatalf("%s: %v", f.name, err)
	}
	return g, x, at, y
}

// data are random arguments of a function.
type data struct {
	rows           int
	params, inputs [][]float64
}

func (f function) data(g *Graph, rows int, seed uint64) data {
	r := rand.New(rand.NewPCG(seed, 1))
	d := data{rows: rows}
	for _, p := range g.params {
		w := make([]float64, p.Size())
		for i := range w {
			w[i] = p.Init.Mean + p.Init.Bound*(2*r.Float64()-1)
		}
		d.params = append(d.params, w)
	}
	lo, hi := f.lo, f.hi
	if lo == 0 && hi == 0 {
		lo, hi = -1.5, 1.5
	}
	for i, n := range g.inputs {
		x := make([]float64, rows*size(g.nodes[n].shape))
		for k := range x {
			if x[k] = r.Float64(); i == 0 {
				x[k] = lo + (hi-lo)*r.Float64()
			} else if i > 1 {
				x[k] = r.NormFloat64()
			}
		}
		d.inputs = append(d.inputs, x)
	}
	return d
}

func (d data) interpret(t testing.TB, g *Graph, outs ...Value) [][]float64 {
	t.Helper()
	y, err := g.Interpret(outs, d.params, d.inputs, d.rows)
	if err != nil {
		t.Fatal(err)
	}
	return y
}

func dot(a, b []float64) (s float64) {
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

func normal(r *rand.Rand, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = r.NormFloat64()
	}
	return v
}

// TestDerivatives: in float64, jvp is the limit of differences, for inputs and
// parameters; vjp is its transpose; and so are the derivatives of both.
func TestDerivatives(t *testing.T) {
	const rows = 3
	for _, f := range functions() {
		t.Run(f.name, func(t *testing.T) {
			g, x, at, y := f.graph(t)
			z, c := g.Input("z", f.shape...), g.Input("c", y.Shape()...)
			wrt := []Value{x}
			for i := range g.params {
				wrt = append(wrt, Value{g, g.param(i)})
			}
			jx := g.JVP([]Value{y}, []Value{x}, []Value{z})[0]
			pull := g.VJP([]Value{y}, []Value{c}, append(wrt, at))
			// Second derivatives of a number: the vjp of a jvp along z, and the jvp
			// of a vjp.
			s := g.SumAll(g.Mul(jx, c))
			second := g.VJP([]Value{s}, []Value{g.Fill(1)}, []Value{x})[0]
			again := g.JVP([]Value{pull[0]}, []Value{x}, []Value{z})[0]
			if err := g.Err(); err != nil {
				t.Fatal(err)
			}
			d := f.data(g, rows, 1)
			v := d.interpret(t, g, append([]Value{jx, y, second, again, s}, pull...)...)
			for i := range v[0] {
				if math.IsNaN(v[0][i]) {
					t.Fatal("NaN")
				}
			}
			// The transpose.
			near(t, "vjp against jvp", dot(v[0], d.inputs[3]), dot(v[5], d.inputs[2]), 1e-12)
			// Differences along z, and along a direction of every parameter and t.
			difference := func(move func(e data, h float64), of Value) []float64 {
				h := 1e-4
				sum := make([]float64, rows*size(g.shape(of)))
				for _, k := range []struct{ h, w float64 }{{2 * h, -1. / 12}, {h, 8. / 12}, {-h, -8. / 12}, {-2 * h, 1. / 12}} {
					e := d.clone()
					move(e, k.h)
					for i, u := range e.interpret(t, g, of)[0] {
						sum[i] += k.w * u / h
					}
				}
				return sum
			}
			along := func(e data, h float64) {
				for i := range e.inputs[0] {
					e.inputs[0][i] += h * e.inputs[2][i]
				}
			}
			all(t, "jvp against differences", v[0], difference(along, y), 1e-9)
			r := rand.New(rand.NewPCG(3, 3))
			for i, p := range g.params {
				u := normal(r, p.Size())
				got := dot(v[6+i], u)
				want := dot(difference(func(e data, h float64) {
					for k := range u {
						e.params[i][k] += h * u[k]
					}
				}, y), d.inputs[3])
				near(t, "vjp for "+p.Name+" against differences", got, want, 1e-9)
			}
			want := difference(func(e data, h float64) {
				for i := range e.inputs[1] {
					e.inputs[1][i] += h
				}
			}, y)
			near(t, "vjp for t against differences", sum(v[len(v)-1]), dot(want, d.inputs[3]), 1e-9)
			if !f.kinks {
				all(t, "vjp of jvp against jvp of vjp", v[2], v[3], 1e-11)
				all(t, "second derivatives against differences", v[3], difference(along, pull[0]), 1e-8)
			}
		})
	}
}

func sum(a []float64) (s float64) {
	for _, v := range a {
		s += v
	}
	return s
}

func (g *Graph) param(number int) int {
	for n, m := range g.nodes {
		if m.op == opParam && m.number == number {
			return n
		}
	}
	panic("autodiff: no such parameter")
}

func (d data) clone() data {
	e := data{rows: d.rows}
	for _, p := range d.params {
		e.params = append(e.params, slices.Clone(p))
	}
	for _, x := range d.inputs {
		e.inputs = append(e.inputs, slices.Clone(x))
	}
	return e
}

func near(t testing.TB, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*(1+math.Abs(want))) {
		t.Errorf("%s: %.15g, want %.15g", what, got, want)
	}
}

func all(t testing.TB, what string, got, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d elements, want %d", what, len(got), len(want))
		return
	}
	scale := 1.0
	for _, v := range want {
		scale = max(scale, math.Abs(v))
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= tol*scale) {
			t.Errorf("%s: element %d is %.15g, want %.15g", what, i, got[i], want[i])
			return
		}
	}
}

// each runs a test under every instruction set.
func each(t *testing.T, do func(t *testing.T)) {
	before := kernel.Current()
	defer kernel.Use(before)
	for l := kernel.Generic; l <= kernel.Best(); l++ {
		kernel.Use(l)
		t.Run(l.String(), do)
	}
}

// program is a compiled function with everything that one may want of it.
func (f function) program(t testing.TB, tangents int) (g *Graph, outs []Value, p *Program) {
	g, x, at, y := f.graph(t)
	z, c := g.Input("z", append([]int{tangents}, f.shape...)...), g.Input("c", y.Shape()...)
	wrt := []Value{x, at}
	for i := range g.params {
		wrt = append(wrt, Value{g, g.param(i)})
	}
	outs = append([]Value{y}, g.JVP([]Value{y}, []Value{x}, []Value{z})...)
	if tangents > 0 {
		outs = append(outs, g.VJP([]Value{y}, []Value{c}, wrt)...)
	}
	p, err := Compile(g, outs...)
	if err != nil {
		t.Fatal(err)
	}
	return g, outs, p
}

// planes takes [rows][shape] to the layout of calls, [leading][rows][last], and
// to float32.
func planes(x []float64, shape []int, rows int) []float32 {
	p, w := layout(shape)
	y := make([]float32, len(x))
	for r := range rows {
		for q := range p {
			for c := range w {
				y[(q*rows+r)*w+c] = float32(x[(r*p+q)*w+c])
			}
		}
	}
	return y
}

func narrow(x [][]float64) (y [][]float32) {
	for _, v := range x {
		w := make([]float32, len(v))
		for i := range v {
			w[i] = float32(v[i])
		}
		y = append(y, w)
	}
	return y
}

func (d data) call(b *Bound, g *Graph, outs []Value, share bool) [][]float32 {
	var in, out [][]float32
	for i, n := range g.inputs {
		in = append(in, planes(d.inputs[i], g.nodes[n].shape, d.rows))
	}
	for _, o := range outs {
		n := size(g.shape(o))
		if g.nodes[o.n].class != reduced {
			n *= d.rows
		}
		out = append(out, make([]float32, n))
	}
	b.Call(d.rows, share, in, out)
	return out
}

// TestCompiled: a program gives what the interpreter gives, for values,
// derivatives for inputs and sums for parameters, for many numbers of rows.
func TestCompiled(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, f := range functions() {
			for _, rows := range []int{1, 2, 5, 16, 300} {
				g, outs, p := f.program(t, 2)
				d := f.data(g, rows, 7)
				b, err := p.Bind(narrow(d.params))
				if err != nil {
					t.Fatal(err)
				}
				want := d.interpret(t, g, outs...)
				got := d.call(b, g, outs, false)
				for i, o := range outs {
					w := make([]float32, len(want[i]))
					if g.nodes[o.n].class == reduced {
						for k := range w {
							w[k] = float32(want[i][k])
						}
					} else {
						v := want[i]
						if !g.ofRow(o.n) { // the same for all rows
							v = nil
							for range rows {
								v = append(v, want[i]...)
							}
						}
						w = planes(v, g.shape(o), rows)
					}
					same32(t, fmt.Sprintf("%s, %d rows, output %d", f.name, rows, i), got[i], w, 3e-5)
				}
			}
		}
	})
}

func same32(t testing.TB, what string, got, want []float32, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d elements, want %d", what, len(got), len(want))
		return
	}
	scale := 1.0
	for _, v := range want {
		scale = max(scale, math.Abs(float64(v)))
	}
	for i := range got {
		if !(math.Abs(float64(got[i])-float64(want[i])) <= tol*scale) {
			t.Errorf("%s: element %d is %g, want %g", what, i, got[i], want[i])
			return
		}
	}
}
