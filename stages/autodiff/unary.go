package autodiff

import (
	"math"

	"github.com/pathline/pathline/stages/internal/kernel/vector"
)

// The unary operations. A derivative is given in terms of operations, so that
// it has derivatives too. An activation whose derivative comes almost for free
// with its value names it as slope and has a kernel for both.
const (
	exp = iota
	expm1
	log
	log1p
	tanh
	sigmoid
	softplus
	erf
	sin
	cos
	sqrt
	reciprocal
	neg
	abs
	square
	step
	floor
	silu
	gelu
	selu
	relu
	tanhSlope
	sigmoidSlope
	siluSlope
	geluSlope
	seluSlope
	unaries
)

type unaryOp struct {
	name  string
	f     func(x float64) float64
	fast  func(dst, x []float32)           // nil for a slope that has a kernel with its value only
	prime func(g *Graph, x, y Value) Value // derivative at x, where the value is y
}

// pair is two unary operations of one argument with a kernel for both.
type pair struct {
	value, slope int
	fast         func(y, dy, x []float32)
}

var pairs = []pair{
	{tanh, tanhSlope, vector.TanhSlope},
	{sigmoid, sigmoidSlope, vector.SigmoidSlope},
	{softplus, sigmoid, vector.SoftplusSlope},
	{silu, siluSlope, vector.SiLUSlope},
	{gelu, geluSlope, vector.GELUSlope},
	{selu, seluSlope, vector.SELUSlope},
	{relu, step, vector.ReLUSlope},
	{sin, cos, vector.SinCos},
}

const (
	seluAlpha = 1.6732632423543772848170429916717
	seluScale = 1.0507009873554804934193349852946
)

func logistic(x float64) float64 {
	if x < 0 {
		e := math.Exp(x)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-x))
}

func normalCDF(x float64) float64     { return 0.5 * math.Erfc(-x/math.Sqrt2) }
func normalDensity(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }

// slopeOf is a derivative that is an operation of x itself.
func slopeOf(kind int) func(*Graph, Value, Value) Value {
	return func(g *Graph, x, _ Value) Value { return g.unary(kind, x) }
}

// unaryOps is filled by init, because derivatives refer to it.
var unaryOps [unaries]unaryOp

func init() {
	num := func(g *Graph, v float64) Value { return g.Fill(v) }
	unaryOps = [unaries]unaryOp{
		exp: {"exp", math.Exp, vector.Exp, func(_ *Graph, _, y Value) Value { return y }},
		expm1: {"expm1", math.Expm1, vector.Expm1, func(g *Graph, _, y Value) Value {
			return g.Add(y, num(g, 1))
		}},
		log: {"log", math.Log, vector.Log, slopeOf(reciprocal)},
		log1p: {"log1p", math.Log1p, vector.Log1p, func(g *Graph, x, _ Value) Value {
			return g.unary(reciprocal, g.Add(x, num(g, 1)))
		}},
		tanh:     {"tanh", math.Tanh, vector.Tanh, slopeOf(tanhSlope)},
		sigmoid:  {"sigmoid", logistic, vector.Sigmoid, slopeOf(sigmoidSlope)},
		softplus: {"softplus", func(x float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }, vector.Softplus, slopeOf(sigmoid)},
		erf: {"erf", math.Erf, vector.Erf, func(g *Graph, x, _ Value) Value {
			return g.Mul(g.unary(exp, g.unary(neg, g.unary(square, x))), num(g, 2/math.Sqrt(math.Pi)))
		}},
		sin: {"sin", math.Sin, vector.Sin, slopeOf(cos)},
		cos: {"cos", math.Cos, vector.Cos, func(g *Graph, x, _ Value) Value { return g.unary(neg, g.unary(sin, x)) }},
		sqrt: {"sqrt", math.Sqrt, vector.Sqrt, func(g *Graph, _, y Value) Value {
			return g.Mul(g.unary(reciprocal, y), num(g, 0.5))
		}},
		reciprocal: {"reciprocal", func(x float64) float64 { return 1 / x }, vector.Reciprocal, func(g *Graph, _, y Value) Value {
			return g.unary(neg, g.unary(square, y))
		}},
		neg: {"neg", func(x float64) float64 { return -x }, vector.Neg, func(g *Graph, _, _ Value) Value { return num(g, -1) }},
		abs: {"abs", math.Abs, vector.Abs, func(g *Graph, x, _ Value) Value {
			return g.Sub(g.unary(step, x), g.unary(step, g.unary(neg, x)))
		}},
		square: {"square", func(x float64) float64 { return x * x }, vector.Square, func(g *Graph, x, _ Value) Value {
			return g.Mul(x, num(g, 2))
		}},
		step: {"step", func(x float64) float64 {
			if x > 0 {
				return 1
			}
			return 0
		}, vector.Step, nil},
		floor: {"floor", math.Floor, vector.Floor, nil},
		silu:  {"silu", func(x float64) float64 { return x * logistic(x) }, vector.SiLU, slopeOf(siluSlope)},
		gelu:  {"gelu", func(x float64) float64 { return x * normalCDF(x) }, vector.GELU, slopeOf(geluSlope)},
		selu: {"selu", func(x float64) float64 {
			if x > 0 {
				return seluScale * x
			}
			return seluScale * seluAlpha * math.Expm1(x)
		}, vector.SELU, slopeOf(seluSlope)},
		relu: {"relu", func(x float64) float64 {
			if x > 0 {
				return x
			}
			return x * 0 // keeps NaN
		}, vector.ReLU, slopeOf(step)},
		tanhSlope: {"tanh'", func(x float64) float64 { return 1 - math.Tanh(x)*math.Tanh(x) }, nil, func(g *Graph, x, y Value) Value {
			return g.Mul(g.Mul(y, g.unary(tanh, x)), num(g, -2))
		}},
		sigmoidSlope: {"sigmoid'", func(x float64) float64 { return logistic(x) * logistic(-x) }, nil, func(g *Graph, x, y Value) Value {
			return g.Mul(y, g.oneMinusTwice(g.unary(sigmoid, x)))
		}},
		siluSlope: {"silu'", func(x float64) float64 { s := logistic(x); return s + x*s*logistic(-x) }, nil, func(g *Graph, x, _ Value) Value {
			s, p := g.unary(sigmoid, x), g.unary(sigmoidSlope, x) // 2p + x p (1-2s)
			return g.Mul(p, g.Add(g.Mul(x, g.oneMinusTwice(s)), num(g, 2)))
		}},
		geluSlope: {"gelu'", func(x float64) float64 { return normalCDF(x) + x*normalDensity(x) }, nil, func(g *Graph, x, _ Value) Value {
			q := g.unary(square, x) // phi(x) (2 - x²)
			phi := g.unary(exp, g.Mul(q, num(g, -0.5)))
			return g.Mul(g.Mul(phi, g.Sub(num(g, 2), q)), num(g, 1/math.Sqrt(2*math.Pi)))
		}},
		seluSlope: {"selu'", func(x float64) float64 {
			if x > 0 {
				return seluScale
			}
			return seluScale * seluAlpha * math.Exp(x)
		}, nil, func(g *Graph, x, y Value) Value { return g.Select(x, g.Fill(0, g.shape(x)...), y) }},
	}
}

func (g *Graph) oneMinusTwice(v Value) Value { return g.Sub(g.Fill(1), g.Mul(v, g.Fill(2))) }

func (g *Graph) unary(kind int, x Value) Value {
	if !g.own(unaryOps[kind].name, x) {
		return Value{g, g.dead()}
	}
	n := g.nodes[x.n]
	if n.op == opConst && n.data == nil {
		return g.Fill(unaryOps[kind].f(n.fill), n.shape...)
	}
	if n.op == opUnary && n.kind == neg && kind == neg {
		return Value{g, n.args[0]}
	}
	return g.add(node{op: opUnary, kind: kind, shape: n.shape}, x)
}

// Exp is e^x.
func (g *Graph) Exp(x Value) Value { return g.unary(exp, x) }

// Expm1 is e^x - 1.
func (g *Graph) Expm1(x Value) Value { return g.unary(expm1, x) }

// Log is the natural logarithm.
func (g *Graph) Log(x Value) Value { return g.unary(log, x) }

// Log1p is log(1 + x).
func (g *Graph) Log1p(x Value) Value { return g.unary(log1p, x) }

// Tanh is the hyperbolic tangent.
func (g *Graph) Tanh(x Value) Value { return g.unary(tanh, x) }

// Sigmoid is 1/(1 + e^-x).
func (g *Graph) Sigmoid(x Value) Value { return g.unary(sigmoid, x) }

// Softplus is log(1 + e^x).
func (g *Graph) Softplus(x Value) Value { return g.unary(softplus, x) }

// Erf is the error function.
func (g *Graph) Erf(x Value) Value { return g.unary(erf, x) }

// Sin is the sine.
func (g *Graph) Sin(x Value) Value { return g.unary(sin, x) }

// Cos is the cosine.
func (g *Graph) Cos(x Value) Value { return g.unary(cos, x) }

// Sqrt is the square root.
func (g *Graph) Sqrt(x Value) Value { return g.unary(sqrt, x) }

// Reciprocal is 1/x.
func (g *Graph) Reciprocal(x Value) Value { return g.unary(reciprocal, x) }

// Neg is -x.
func (g *Graph) Neg(x Value) Value { return g.unary(neg, x) }

// Abs is |x|, with derivative 0 at 0.
func (g *Graph) Abs(x Value) Value { return g.unary(abs, x) }

// Square is x².
func (g *Graph) Square(x Value) Value { return g.unary(square, x) }

// Step is 1 where x > 0 and 0 elsewhere; its derivative is 0.
func (g *Graph) Step(x Value) Value { return g.unary(step, x) }

// Floor is the greatest whole number that is at most x; its derivative is 0.
func (g *Graph) Floor(x Value) Value { return g.unary(floor, x) }

// SiLU is x sigmoid(x) (Elfwing et al. 2018).
func (g *Graph) SiLU(x Value) Value { return g.unary(silu, x) }

// GELU is x Phi(x), exact (Hendrycks and Gimpel 2016).
func (g *Graph) GELU(x Value) Value { return g.unary(gelu, x) }

// SELU has the constants of Klambauer et al. 2017; its derivative at 0 is that
// from below.
func (g *Graph) SELU(x Value) Value { return g.unary(selu, x) }

// ReLU is max(x, 0), with derivative 0 at 0, as in PyTorch.
func (g *Graph) ReLU(x Value) Value { return g.unary(relu, x) }
