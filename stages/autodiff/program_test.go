package autodiff

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

func bits(a, b []float32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			return false
		}
	}
	return true
}

// TestRowsAreAlone: the outputs of rows have the same bits whatever rows they
// are among, and sums over rows of values with one axis the same whatever calls
// they are cut into.
func TestRowsAreAlone(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, f := range functions() {
			const rows = 301
			g, outs, p := f.program(t, 2)
			d := f.data(g, rows, 3)
			b, err := p.Bind(narrow(d.params))
			if err != nil {
				t.Fatal(err)
			}
			whole := d.call(b, g, outs, false)
			sums := make([][]float32, len(outs))
			for i := range outs {
				sums[i] = make([]float32, size(g.shape(outs[i])))
			}
			for lo := 0; lo < rows; {
				n := min(rows-lo, 1+lo%97)
				var in, out [][]float32
				for i, m := range g.inputs {
					w := size(g.nodes[m].shape)
					in = append(in, planes(d.inputs[i][lo*w:(lo+n)*w], g.nodes[m].shape, n))
				}
				for i, o := range outs {
					if g.nodes[o.n].class == reduced {
						out = append(out, sums[i])
					} else {
						out = append(out, make([]float32, n*size(g.shape(o))))
					}
				}
				b.Call(n, false, in, out)
				for i, o := range outs {
					if g.nodes[o.n].class == reduced {
						continue
					}
					planes, w := layout(g.shape(o))
					for q := range planes {
						if !bits(out[i][q*n*w:(q+1)*n*w], whole[i][(q*rows+lo)*w:(q*rows+lo+n)*w]) {
							t.Fatalf("%s, output %d: rows %d to %d alone have other bits", f.name, i, lo, lo+n-1)
						}
					}
				}
				lo += n
			}
			for i, o := range outs {
				// What is made of sums afterwards is rounded once more for each call,
				// and values with leading axes are summed plane by plane.
				if g.nodes[o.n].class == reduced && len(f.shape) == 1 && f.name != "triangular" && !strings.HasPrefix(f.name, "masked") && !bits(sums[i], whole[i]) {
					t.Errorf("%s, output %d: the sum over calls has other bits than that of one", f.name, i)
				}
			}
		}
	})
}

// TestSharedTime: rows that share their time have the same bits when the
// program knows.
func TestSharedTime(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, f := range functions() {
			const rows = 70
			g, x, _, y := f.graph(t)
			z := g.Input("z", append([]int{3}, f.shape...)...)
			outs := append([]Value{y}, g.JVP([]Value{y}, []Value{x}, []Value{z})...)
			p, err := Compile(g, outs...)
			if err != nil {
				t.Fatal(err)
			}
			d := f.data(g, rows, 3)
			for i := range d.inputs[1] {
				d.inputs[1][i] = 0.3
			}
			b, err := p.Bind(narrow(d.params))
			if err != nil {
				t.Fatal(err)
			}
			own, shared := d.call(b, g, outs, false), d.call(b, g, outs, true)
			for i := range outs {
				if !bits(own[i], shared[i]) {
					t.Errorf("%s: output %d differs", f.name, i)
				}
			}
		}
	})
}

// TestRefresh: a bound program computes with the weights of the last Refresh,
// whoever shares in its work.
func TestRefresh(t *testing.T) {
	for _, f := range functions() {
		if f.name == "perceptron" || f.name == "triangular" {
			g, outs, p := f.program(t, 1)
			d := f.data(g, 9, 1)
			w := narrow(d.params)
			b, err := p.Bind(w)
			if err != nil {
				t.Fatal(err)
			}
			before := d.call(b, g, outs, false)
			for _, v := range w {
				for i := range v {
					v[i] = -v[i]
				}
			}
			done := map[int]int{}
			b.Refresh(func(pieces int, do func(int)) {
				for i := pieces - 1; i >= 0; i-- {
					done[i]++
					do(i)
				}
			})
			if len(done) == 0 {
				t.Errorf("%s: no pieces", f.name)
			}
			fresh, err := p.Bind(w)
			if err != nil {
				t.Fatal(err)
			}
			after, want := d.call(b, g, outs, false), d.call(fresh, g, outs, false)
			if bits(before[0], after[0]) || !bits(after[0], want[0]) {
				t.Errorf("%s: Refresh does not take the weights into use", f.name)
			}
		}
	}
}

// TestDivergence: the exact divergence is the sum of the diagonal of the
// Jacobian, for any number of hidden layers, and so is the sum of probes by
// unit vectors; and its forms cost what they should.
func TestDivergence(t *testing.T) {
	const dim, rows = 3, 5
	for hidden := range 5 {
		f := function{name: "network", shape: []int{dim}, build: func(g *Graph, x, at Value) Value {
			return network(g, x, at, dim, []int{6, 7, 5, 8}[:hidden]...)
		}}
		g, x, _, v := f.graph(t)
		div := g.Divergence(v, x)
		probes := g.SumAll(g.Probe(v, x, g.identity(dim)))
		var diagonal Value
		for i := range dim {
			row := g.VJP([]Value{g.Slice(v, i, i+1)}, []Value{g.Fill(1, 1)}, []Value{x})[0]
			diagonal = g.plus(diagonal, g.SumAll(g.Slice(row, i, i+1)))
		}
		d := f.data(g, rows, 1)
		y := d.interpret(t, g, div, diagonal, probes)
		for len(y[0]) < rows { // a linear field has one divergence
			y[0], y[1], y[2] = append(y[0], y[0][0]), append(y[1], y[1][0]), append(y[2], y[2][0])
		}
		all(t, fmt.Sprintf("%d hidden layers", hidden), y[0], y[1], 1e-12)
		all(t, fmt.Sprintf("%d hidden layers, probes", hidden), y[2], y[1], 1e-12)

		p, err := Compile(g, v, div)
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.Bind(narrow(d.params))
		if err != nil {
			t.Fatal(err)
		}
		out := d.call(b, g, []Value{v, div}, false)
		same32(t, "compiled", out[1], planes(y[0], nil, rows), 1e-5)
		// Rows of products with weights, of any width: one for each linear map of
		// v; with more than two hidden layers dim more for each between the first
		// and the last; with two, one more.
		products := 0
		for _, i := range p.variant[0].body {
			if i, ok := i.(*product); ok {
				products += i.y.planes
			}
		}
		want := hidden + 1
		switch {
		case hidden == 2:
			want++
		case hidden > 2:
			want += dim * (hidden - 1)
		}
		if products != want {
			t.Errorf("%d hidden layers: %d products a row, there should be %d", hidden, products, want)
		}
	}
}

// TestHigherDerivatives: the derivative of a divergence for the weights, which
// maximum likelihood needs, against differences, compiled and interpreted.
func TestHigherDerivatives(t *testing.T) {
	for hidden := range 4 {
		f := function{name: "network", shape: []int{2}, build: func(g *Graph, x, at Value) Value {
			return network(g, x, at, 2, []int{6, 7, 5}[:hidden]...)
		}}
		g, x, _, v := f.graph(t)
		div := g.Divergence(v, x)
		loss := g.Mul(div, g.Add(g.SumAll(g.Square(x)), g.Fill(1)))
		grads := g.Gradient(loss)
		if err := g.Err(); err != nil {
			t.Fatal(err)
		}
		const rows = 4
		d := f.data(g, rows, 1)
		y := d.interpret(t, g, grads...)
		for i, p := range g.params {
			want := make([]float64, p.Size())
			const h = 1e-5
			for k := range want {
				for _, s := range []float64{h, -h} {
					e := d.clone()
					e.params[i][k] += s
					want[k] += sum(e.interpret(t, g, loss)[0]) / (2 * s)
				}
			}
			all(t, fmt.Sprintf("%d hidden layers, %s", hidden, p.Name), y[i], want, 1e-8)
		}
		p, err := Compile(g, grads...)
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.Bind(narrow(d.params))
		if err != nil {
			t.Fatal(err)
		}
		for i, got := range d.call(b, g, grads, false) {
			want := make([]float32, len(got))
			for k := range want {
				want[k] = float32(y[i][k])
			}
			same32(t, "compiled "+g.params[i].Name, got, want, 1e-5)
		}
	}
}

// TestMistakes: what does not fit is said when the graph is built, with the
// names of the values.
func TestMistakes(t *testing.T) {
	init := Init{Bound: 1}
	for _, c := range []struct {
		build func(g *Graph, x Value) Value
		want  []string
	}{
		{func(g *Graph, x Value) Value { return g.Linear(x, g.Param("first.weight", init, 5, 4), Value{}) }, []string{"linear", `"x" [3]`, `"first.weight" [5 4]`}},
		{func(g *Graph, x Value) Value {
			return g.Linear(x, g.Param("w", init, 5, 3), g.Param("bias", init, 4))
		}, []string{"linear", `"bias" [4]`, "[5]"}},
		{func(g *Graph, x Value) Value { return g.Linear(g.Param("w", init, 2, 3), x, Value{}) }, []string{"linear"}},
		{func(g *Graph, x Value) Value { return g.Add(x, g.Param("p", init, 4)) }, []string{"add", `"x" [3]`, `"p" [4]`}},
		{func(g *Graph, x Value) Value { return g.Slice(x, 2, 4) }, []string{"slice", "2:4", `"x" [3]`}},
		{func(g *Graph, x Value) Value { return g.Sum(x, 1) }, []string{"sum", "axis 1"}},
		{func(g *Graph, x Value) Value { return g.Concat(x, g.Fill(0, 2, 3)) }, []string{"concat"}},
		{func(g *Graph, x Value) Value { return g.Reshape(x, 2, 2) }, []string{"reshape", "[2 2]"}},
		{func(g *Graph, x Value) Value { return g.Transpose(x) }, []string{"transpose"}},
		{func(g *Graph, x Value) Value { return g.Gather(x, []int32{3}) }, []string{"gather", "place 3 of 3"}},
		{func(g *Graph, x Value) Value { return g.Scatter(x, []int32{0}, 2) }, []string{"scatter"}},
		{func(g *Graph, x Value) Value { return g.Broadcast(x, 2, 2) }, []string{"broadcast"}},
		{func(g *Graph, x Value) Value { return g.Const([]float64{1}, 2) }, []string{"constant"}},
		{func(g *Graph, x Value) Value { g.Param("p", init, 2); return g.Param("p", init, 2) }, []string{`parameter "p" is there twice`}},
		{func(g *Graph, x Value) Value { return g.Input("x", 1) }, []string{`input "x" is there twice`}},
		{func(g *Graph, x Value) Value { return g.Exp(New().Input("y", 1)) }, []string{"another graph"}},
		{func(g *Graph, x Value) Value { return g.Exp(Value{}) }, []string{"none"}},
		{func(g *Graph, x Value) Value { return g.Divergence(g.Slice(x, 0, 2), x) }, []string{"divergence"}},
		{func(g *Graph, x Value) Value { return g.Probe(x, x, x) }, []string{"probe"}},
		{func(g *Graph, x Value) Value { return g.Softmax(g.Sum(x, 0)) }, []string{"softmax"}},
		{func(g *Graph, x Value) Value { return g.JVP([]Value{x}, []Value{x}, []Value{g.Fill(1, 2)})[0] }, []string{"jvp"}},
		{func(g *Graph, x Value) Value { return g.VJP([]Value{x}, []Value{g.Fill(1, 2)}, []Value{x})[0] }, []string{"vjp"}},
		{func(g *Graph, x Value) Value { g.Param("p", init, 3); return g.Gradient(g.Exp(x))[0] }, []string{"gradient", "not a number"}},
		{func(g *Graph, x Value) Value { g.Param("p", init, 3); return g.Gradient(x)[0] }, []string{"gradient"}},
		{func(g *Graph, x Value) Value {
			return g.Mul(x, g.Gradient(g.SumAll(g.Mul(x, g.Param("p", init, 3))))[0])
		}, []string{"sum over rows"}},
		{func(g *Graph, x Value) Value { return g.JVP([]Value{g.MaxLast(x)}, []Value{x}, []Value{x})[0] }, []string{"max has no derivative"}},
		{func(g *Graph, x Value) Value { return g.Conv2D(x, x, Value{}, 2, 2, 3, 3) }, []string{"conv2d"}},
	} {
		g := New()
		v := c.build(g, g.Input("x", 3))
		g.Tanh(g.Add(v, v)) // does no harm
		_, err := Compile(g, v)
		if err == nil || err != g.Err() {
			t.Errorf("no error where one about %q was expected", c.want)
			continue
		}
		for _, w := range append(c.want, "autodiff: ") {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q does not say %q", err, w)
			}
		}
	}
	if _, err := Compile(New()); err == nil {
		t.Error("a program without outputs was compiled")
	}
	g := New()
	p, err := Compile(g, g.Mul(g.Input("x", 3), g.Param("p", init, 3)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Bind(nil); err == nil {
		t.Error("parameters that are missing were accepted")
	}
	if _, err := p.Bind([][]float32{make([]float32, 2)}); err == nil || !strings.Contains(err.Error(), `"p"`) {
		t.Errorf("a parameter of another size: %v", err)
	}
	if _, err := g.Interpret(nil, nil, nil, 1); err == nil {
		t.Error("parameters that are missing were interpreted")
	}
}

// TestCallPanics: slices that are too short are the caller's mistake.
func TestCallPanics(t *testing.T) {
	g := New()
	p, err := Compile(g, g.Exp(g.Input("x", 3)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Bind(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ in, out [][]float32 }{
		{nil, [][]float32{make([]float32, 6)}},
		{[][]float32{make([]float32, 6)}, nil},
		{[][]float32{make([]float32, 5)}, [][]float32{make([]float32, 6)}},
		{[][]float32{make([]float32, 6)}, [][]float32{make([]float32, 5)}},
	} {
		func() {
			defer func() {
				if v, ok := recover().(string); !ok || !strings.HasPrefix(v, "autodiff: ") {
					t.Errorf("recovered %v", v)
				}
			}()
			b.Call(2, false, c.in, c.out)
		}()
	}
	b.Call(0, false, [][]float32{nil}, [][]float32{nil})
	b.Call(2, false, [][]float32{make([]float32, 6)}, [][]float32{nil}) // not wanted
}
