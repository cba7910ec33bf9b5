package autodiff

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Graph is a function of one row under construction. Values are added to it by
// its methods, and never changed or removed. It is used by one goroutine.
//
// The first mistake (shapes that do not fit, values of another graph) is kept
// and given by Err and by Compile; what is built on it is of no use, and does
// no harm.
type Graph struct {
	nodes  []node
	seen   map[string]int // equal values are one value
	params []Param
	inputs []int
	err    error
}

// Value is a value of a graph: an array whose shape is known. A value may
// belong to a row (it depends on an input), or be the same for all rows (it
// depends on parameters and constants alone), or be a sum over rows (a gradient
// of a parameter). The zero Value is none.
type Value struct {
	g *Graph
	n int
}

// Param is a named array of weights.
type Param struct {
	Name  string
	Shape []int
	Init  Init
}

// Init says how the elements of a parameter are drawn: uniform on ±Bound
// around Mean.
type Init struct{ Mean, Bound float64 }

// Size is the number of elements.
func (p Param) Size() int { return size(p.Shape) }

// op is what a node does with its arguments.
type op uint8

const (
	opInput op = iota
	opParam
	opConst
	opUnary
	opBinary
	opSelect
	opLinear       // x [..., in], w [out, in], and an optional value that is added
	opOuter        // sum over rows and leading axes of delta [..., out] x [..., in]: [out, in]
	opSumRows      // sum over rows
	opTranspose    // of the last two axes
	opReshape      //
	opConcat       // along the last axis
	opSlice        // i..j of the last axis
	opSum          // over axis i
	opBroadcast    // a new axis i of length j
	opGather       // along the last axis, by index; -1 is zero
	opScatter      // the adjoint of gather: adds to places of a last axis of length i
	opMaxLast      // over the last axis
	opConvolve     // image x [..., places, in], w [out, taps in]: [..., places, out], or its adjoint for x
	opKernels      // sum over rows and leading axes, the adjoint of opConvolve for w: [out, taps in]
	opStopGradient // a constant for derivatives
)

var opNames = [...]string{"input", "param", "const", "unary", "binary", "select", "linear", "outer", "sumrows", "transpose",
	"reshape", "concat", "slice", "sum", "broadcast", "gather", "scatter", "max", "convolve", "kernels", "stopgradient"}

// class says what a value depends on, from the least to the most.
type class uint8

const (
	uniform class = iota // parameters and constants
	timely               // and inputs that a call may share among its rows
	perRow               // and other inputs
	reduced              // sums over rows
)

type node struct {
	op     op
	kind   int // of a unary or binary operation
	args   []int
	shape  []int
	class  class
	i, j   int
	index  []int32
	data   []float64 // of a constant; nil when all elements are fill
	fill   float64
	name   string
	number int // of an input or parameter
}

// New is an empty graph.
func New() *Graph { return &Graph{seen: map[string]int{}} }

// Err is the first mistake made in building the graph.
func (g *Graph) Err() error { return g.err }

// Params are the parameters in the order in which they were declared.
func (g *Graph) Params() []Param { return slices.Clone(g.params) }

// Shape is the shape of a value.
func (v Value) Shape() []int {
	if v.g == nil {
		return nil
	}
	return slices.Clone(v.g.nodes[v.n].shape)
}

// IsZero says whether v is no value.
func (v Value) IsZero() bool { return v.g == nil }

func size(shape []int) int {
	n := 1
	for _, s := range shape {
		n *= s
	}
	return n
}

// maxSize bounds the elements of a value, so that shapes from a file cannot
// overflow.
const maxSize = 1 << 31

func (g *Graph) fail(format string, args ...any) Value {
	if g.err == nil {
		g.err = fmt.Errorf("autodiff: "+format, args...)
	}
	return Value{g, g.dead()}
}

// dead is the node that stands for what went wrong.
func (g *Graph) dead() int {
	return g.node(node{op: opConst, shape: []int{}, fill: math.NaN(), name: "wrong"})
}

// node adds a node, or finds an equal one.
func (g *Graph) node(n node) int {
	key := ""
	if n.data == nil {
		var b strings.Builder
		for _, v := range []int{int(n.op), n.kind, n.i, n.j, n.number} {
			b.WriteString(strconv.Itoa(v))
			b.WriteByte(',')
		}
		fmt.Fprint(&b, n.args, n.shape, n.index, math.Float64bits(n.fill), n.name)
		key = b.String()
		if i, ok := g.seen[key]; ok {
			return i
		}
	}
	for _, a := range n.args {
		n.class = max(n.class, g.nodes[a].class)
	}
	if n.op == opOuter || n.op == opSumRows || n.op == opKernels {
		n.class = reduced
	}
	g.nodes = append(g.nodes, n)
	if key != "" {
		g.seen[key] = len(g.nodes) - 1
	}
	return len(g.nodes) - 1
}

// add makes a value of a node whose arguments have been checked.
func (g *Graph) add(n node, args ...Value) Value {
	n.args = make([]int, 0, len(args))
	for _, a := range args {
		n.args = append(n.args, a.n)
	}
	if c := g.classOf(args...); c == reduced {
		for _, a := range args {
			if k := g.nodes[a.n].class; k == perRow || k == timely {
				return g.fail("%s: a value of one row cannot meet a sum over rows", n.op)
			}
		}
	}
	return Value{g, g.node(n)}
}

func (g *Graph) classOf(args ...Value) (c class) {
	for _, a := range args {
		c = max(c, g.nodes[a.n].class)
	}
	return c
}

// own says whether all values belong to the graph, and keeps a mistake.
func (g *Graph) own(what string, vs ...Value) bool {
	for _, v := range vs {
		if v.g != g {
			g.fail("%s: a value of another graph, or none", what)
			return false
		}
	}
	return g.err == nil
}

func (g *Graph) shape(v Value) []int { return g.nodes[v.n].shape }

// label is how a value is called in a message.
func (g *Graph) label(v Value) string {
	n := g.nodes[v.n]
	if n.name != "" {
		return fmt.Sprintf("%q %v", n.name, n.shape)
	}
	return fmt.Sprintf("%s %v", n.op, n.shape)
}

func (o op) String() string { return opNames[o] }

// Input declares an argument with a name. Its values come with every call, for
// every row.
func (g *Graph) Input(name string, shape ...int) Value { return g.input(name, perRow, shape) }

// Time declares an argument that is often the same for all rows of a call, as
// the time is in a solve with fixed steps. What depends on it alone is then
// computed once. It makes no other difference: the bits are the same.
func (g *Graph) Time(name string, shape ...int) Value { return g.input(name, timely, shape) }

func (g *Graph) input(name string, c class, shape []int) Value {
	if !legal(shape) {
		return g.fail("input %q: shape %v", name, shape)
	}
	for _, i := range g.inputs {
		if g.nodes[i].name == name {
			return g.fail("input %q is there twice", name)
		}
	}
	v := Value{g, g.node(node{op: opInput, shape: slices.Clone(shape), class: c, name: name, number: len(g.inputs)})}
	g.inputs = append(g.inputs, v.n)
	return v
}

// Param declares weights with a name, a way to draw them and a shape. They are
// the same for all rows.
func (g *Graph) Param(name string, init Init, shape ...int) Value {
	if !legal(shape) {
		return g.fail("parameter %q: shape %v", name, shape)
	}
	for _, p := range g.params {
		if p.Name == name {
			return g.fail("parameter %q is there twice", name)
		}
	}
	v := Value{g, g.node(node{op: opParam, shape: slices.Clone(shape), name: name, number: len(g.params)})}
	g.params = append(g.params, Param{name, slices.Clone(shape), init})
	return v
}

// Const is a constant array; len(data) is the product of the shape.
func (g *Graph) Const(data []float64, shape ...int) Value {
	if !legal(shape) || len(data) != size(shape) {
		return g.fail("constant: %d elements for shape %v", len(data), shape)
	}
	if !slices.ContainsFunc(data, func(v float64) bool { return math.Float64bits(v) != math.Float64bits(data[0]) }) {
		return g.Fill(data[0], shape...)
	}
	return Value{g, g.node(node{op: opConst, shape: slices.Clone(shape), data: slices.Clone(data)})}
}

// Fill is a constant array of equal elements; without a shape, a number.
func (g *Graph) Fill(v float64, shape ...int) Value {
	if !legal(shape) {
		return g.fail("constant: shape %v", shape)
	}
	return Value{g, g.node(node{op: opConst, shape: slices.Clone(shape), fill: v})}
}

func legal(shape []int) bool {
	n := 1
	for _, s := range shape {
		if s < 1 || s > maxSize/n {
			return false
		}
		n *= s
	}
	return true
}

// isFill says whether v is a constant of equal elements x.
func (g *Graph) isFill(v Value, x float64) bool {
	n := g.nodes[v.n]
	return n.op == opConst && n.data == nil && n.fill == x
}
