package autodiff

import (
	"fmt"
	"math"
)

// Interpret computes outs in float64, one node after the other, by the
// definition of each operation: the oracle that compiled programs are held
// against, and the engine where accuracy matters more than time. params has one
// slice per parameter, inputs one slice [rows, shape] per input, both in the
// order of their declaration; outs come as [rows, shape], or [shape] where they
// are the same for all rows or sums over them.
func (g *Graph) Interpret(outs []Value, params, inputs [][]float64, rows int) ([][]float64, error) {
	if !g.own("interpret", outs...) {
		return nil, g.err
	}
	if err := g.fit(params, inputs, rows); err != nil {
		return nil, err
	}
	live := g.live(outs)
	values := make([][]float64, len(g.nodes))
	for i := range g.nodes {
		if live[i] {
			values[i] = g.evaluate(i, values, params, inputs, rows)
		}
	}
	result := make([][]float64, len(outs))
	for i, o := range outs {
		result[i] = values[o.n]
	}
	return result, nil
}

func (g *Graph) fit(params, inputs [][]float64, rows int) error {
	if len(params) != len(g.params) || len(inputs) != len(g.inputs) {
		return fmt.Errorf("autodiff: %d parameters and %d inputs given where there are %d and %d", len(params), len(inputs), len(g.params), len(g.inputs))
	}
	for i, p := range g.params {
		if len(params[i]) != p.Size() {
			return fmt.Errorf("autodiff: parameter %q has %d elements, its shape is %v", p.Name, len(params[i]), p.Shape)
		}
	}
	for i, n := range g.inputs {
		if in := g.nodes[n]; len(inputs[i]) != rows*size(in.shape) {
			return fmt.Errorf("autodiff: input %q has %d elements, %d rows of shape %v have %d", in.name, len(inputs[i]), rows, in.shape, rows*size(in.shape))
		}
	}
	return nil
}

// ofRow says whether a node has a value for each row.
func (g *Graph) ofRow(n int) bool { return g.nodes[n].class == timely || g.nodes[n].class == perRow }

func (g *Graph) evaluate(at int, values, params, inputs [][]float64, rows int) []float64 {
	n := g.nodes[at]
	width, m := size(n.shape), 1
	if g.ofRow(at) {
		m = rows
	}
	switch n.op {
	case opInput:
		return inputs[n.number]
	case opParam:
		return params[n.number]
	case opStopGradient, opReshape:
		return values[n.args[0]]
	}
	y := make([]float64, m*width)
	if n.op == opOuter || n.op == opSumRows || n.op == opKernels {
		g.reduce(n, y, values, rows)
		return y
	}
	// args are the arguments' elements for a row.
	args := make([][]float64, len(n.args))
	for r := range m {
		for i, a := range n.args {
			if args[i] = values[a]; g.ofRow(a) {
				w := size(g.nodes[a].shape)
				args[i] = args[i][r*w : (r+1)*w]
			}
		}
		g.row(n, y[r*width:(r+1)*width], args)
	}
	return y
}

// row computes a node for one row.
func (g *Graph) row(n node, y []float64, x [][]float64) {
	last := 1
	if len(n.shape) > 0 {
		last = n.shape[len(n.shape)-1]
	}
	switch n.op {
	case opConst:
		for i := range y {
			if y[i] = n.fill; n.data != nil {
				y[i] = n.data[i]
			}
		}
	case opUnary:
		f := unaryOps[n.kind].f
		for i := range y {
			y[i] = f(x[0][i])
		}
	case opBinary:
		a, b := x[0], x[1]
		for i := range y {
			y[i] = binary64(n.kind, a[i%len(a)], b[i%len(b)])
		}
	case opSelect:
		c, a, b := x[0], x[1], x[2]
		for i := range y {
			if y[i] = b[i%len(b)]; c[i%len(c)] > 0 {
				y[i] = a[i%len(a)]
			}
		}
	case opLinear:
		w, in := x[1], len(x[1])/last
		for l := 0; l < len(y)/last; l++ {
			a := x[0][l*in : (l+1)*in]
			for o := range last {
				sum := inner64(a, w[o*in:(o+1)*in])
				if len(x) > 2 {
					sum += x[2][(l*last+o)%len(x[2])]
				}
				y[l*last+o] = sum
			}
		}
	case opTranspose:
		a, b := n.shape[len(n.shape)-2], last
		for l := 0; l < len(y); l += a * b {
			for i := range a {
				for j := range b {
					y[l+i*b+j] = x[0][l+j*a+i]
				}
			}
		}
	case opConcat:
		at := 0
		for i, a := range n.args {
			s := g.nodes[a].shape
			w := s[len(s)-1]
			for l := 0; l < len(y)/last; l++ {
				copy(y[l*last+at:l*last+at+w], x[i][l*w:])
			}
			at += w
		}
	case opSlice:
		s := g.nodes[n.args[0]].shape
		w := s[len(s)-1]
		for l := 0; l < len(y)/last; l++ {
			copy(y[l*last:(l+1)*last], x[0][l*w+n.i:])
		}
	case opSum:
		s := g.nodes[n.args[0]].shape
		k, inner := s[n.i], size(s[n.i+1:])
		for i, v := range x[0] {
			y[i/(k*inner)*inner+i%inner] += v
		}
	case opBroadcast:
		inner := size(n.shape[n.i+1:])
		for i := range y {
			y[i] = x[0][i/(n.j*inner)*inner+i%inner]
		}
	case opGather:
		w := len(x[0]) / (len(y) / last)
		for i := range y {
			if at := n.index[i%last]; at >= 0 {
				y[i] = x[0][i/last*w+int(at)]
			}
		}
	case opScatter:
		for i, v := range x[0] {
			if at := n.index[i%len(n.index)]; at >= 0 {
				y[i/len(n.index)*last+int(at)] += v
			}
		}
	case opMaxLast:
		w := len(x[0]) / len(y)
		for i := range y {
			y[i] = math.Inf(-1)
			for _, v := range x[0][i*w : (i+1)*w] {
				y[i] = math.Max(y[i], v)
			}
		}
	case opConvolve:
		windowOf(n).convolve64(y, x[0], x[1], last, n.j == 1)
	default:
		panic("autodiff: no such operation")
	}
}

// inner64 is the scalar product, in four sums that the processor can keep in
// flight together.
func inner64(a, b []float64) float64 {
	var s0, s1, s2, s3 float64
	b = b[:len(a)]
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return (s0 + s1) + (s2 + s3)
}

// reduce adds up the rows.
func (g *Graph) reduce(n node, y []float64, values [][]float64, rows int) {
	part := func(i, r int) []float64 {
		v, w := values[n.args[i]], size(g.nodes[n.args[i]].shape)
		if !g.ofRow(n.args[i]) {
			return v
		}
		return v[r*w : (r+1)*w]
	}
	for r := range rows {
		if n.op == opSumRows {
			for i, v := range part(0, r) {
				y[i] += v
			}
			continue
		}
		out, in := n.shape[0], n.shape[1]
		d, x := part(0, r), part(1, r)
		if n.op == opKernels {
			windowOf(n).kernels64(y, d, x, out)
			continue
		}
		for l := 0; l < len(x)/in; l++ {
			for o := range out {
				for i := range in {
					y[o*in+i] += d[l*out+o] * x[l*in+i]
				}
			}
		}
	}
}
