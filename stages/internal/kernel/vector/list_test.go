package vector_test

import (
	"math"
	"testing"

	"github.com/pathline/pathline/stages/internal/kernel"
	"github.com/pathline/pathline/stages/internal/kernel/vector"
)

// call runs one function over slices of one length: out is written (and read, if
// it is an operand), in is read.
type call func(out, in [][]float32)

// entry is an elementwise function, for the laws that hold for all.
type entry struct {
	name    string
	out, in int
	updates bool // what is in out is an operand
	call    call
}

func unary(name string, f func(dst, x []float32)) entry {
	return entry{name: name, out: 1, in: 1, call: func(out, in [][]float32) { f(out[0], in[0]) }}
}

func slope(name string, f func(y, dy, x []float32)) entry {
	return entry{name: name, out: 2, in: 1, call: func(out, in [][]float32) { f(out[0], out[1], in[0]) }}
}

func pair(name string, f func(dst, a, b []float32)) entry {
	return entry{name: name, out: 1, in: 2, call: func(out, in [][]float32) { f(out[0], in[0], in[1]) }}
}

const scalar = float32(0.7310586)

var coef = []float32{0.2, -1.5, 0, 3}

// entries are all elementwise functions.
var entries = []entry{
	unary("Exp", vector.Exp),
	unary("Expm1", vector.Expm1),
	unary("Log", vector.Log),
	unary("Log1p", vector.Log1p),
	unary("Tanh", vector.Tanh),
	unary("Sigmoid", vector.Sigmoid),
	unary("Softplus", vector.Softplus),
	unary("Erf", vector.Erf),
	unary("Sin", vector.Sin),
	unary("Cos", vector.Cos),
	unary("Sqrt", vector.Sqrt),
	unary("Reciprocal", vector.Reciprocal),
	unary("Neg", vector.Neg),
	unary("Abs", vector.Abs),
	unary("Square", vector.Square),
	unary("Step", vector.Step),
	unary("Floor", vector.Floor),
	unary("SiLU", vector.SiLU),
	unary("GELU", vector.GELU),
	unary("SELU", vector.SELU),
	unary("ReLU", vector.ReLU),
	slope("TanhSlope", vector.TanhSlope),
	slope("SigmoidSlope", vector.SigmoidSlope),
	slope("SoftplusSlope", vector.SoftplusSlope),
	slope("SiLUSlope", vector.SiLUSlope),
	slope("GELUSlope", vector.GELUSlope),
	slope("SELUSlope", vector.SELUSlope),
	slope("ReLUSlope", vector.ReLUSlope),
	slope("SinCos", vector.SinCos),
	pair("Add", vector.Add),
	pair("Sub", vector.Sub),
	pair("Mul", vector.Mul),
	pair("Div", vector.Div),
	pair("Max", vector.Max),
	pair("Min", vector.Min),
	{name: "Scale", out: 1, in: 1, call: func(out, in [][]float32) {
		vector.Scale(out[0], in[0], scalar)
	}},
	{name: "Shift", out: 1, in: 1, call: func(out, in [][]float32) {
		vector.Shift(out[0], in[0], scalar)
	}},
	{name: "MulAdd", out: 1, in: 2, updates: true, call: func(out, in [][]float32) {
		vector.MulAdd(out[0], in[0], in[1])
	}},
	{name: "AddScaled", out: 1, in: 1, updates: true, call: func(out, in [][]float32) {
		vector.AddScaled(out[0], in[0], scalar)
	}},
	{name: "Select", out: 1, in: 3, call: func(out, in [][]float32) {
		vector.Select(out[0], in[0], in[1], in[2])
	}},
	{name: "Combine", out: 1, in: 6, call: func(out, in [][]float32) {
		vector.Combine(out[0], in[0], in[1], in[2:], coef)
	}},
	{name: "CombineUniform", out: 1, in: 5, call: func(out, in [][]float32) {
		vector.CombineUniform(out[0], in[0], scalar, in[1:], coef)
	}},
}

// eachLevel runs test under every instruction set that is there.
func eachLevel(t *testing.T, test func(t *testing.T)) {
	for l := kernel.Generic; l <= kernel.Best(); l++ {
		t.Run(l.String(), func(t *testing.T) {
			before := kernel.Use(l)
			defer kernel.Use(before)
			test(t)
		})
	}
}

// random is a stream of float32 for tests (splitmix64).
type random uint64

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (r *random) intn(n int) int { return int(r.next() % uint64(n)) }

// value is mostly of moderate size, sometimes any float32 at all.
func (r *random) value() float32 {
	if r.intn(8) == 0 {
		return math.Float32frombits(uint32(r.next()))
	}
	return (float32(r.next()>>40)/(1<<24) - 0.5) * 20
}

func (r *random) slice(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = r.value()
	}
	return x
}

// same compares bits; every NaN is the same.
func same(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}
