package vector_test

import (
	"math"
	"testing"

	"github.com/pathline/pathline/stages/internal/kernel/vector"
)

// function is a function of one variable with its value in float64 and how many
// units in the last place of float32 it may be away, under any instruction set.
type function struct {
	name  string
	call  func(dst, x []float32)
	value func(x float64) float64
	bound float64
	// size, if not the value itself, is what the units belong to: a derivative
	// that is a sum of two terms is as exact as those.
	size func(x float64) float64
}

func first(f func(y, dy, x []float32)) func(dst, x []float32) {
	return func(dst, x []float32) { f(dst, make([]float32, len(x)), x) }
}

func second(f func(y, dy, x []float32)) func(dst, x []float32) {
	return func(dst, x []float32) { f(make([]float32, len(x)), dst, x) }
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// tail is the normal distribution function.
func tail(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

func density(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }

// times is x w, 0 where w is.
func times(x, w float64) float64 {
	if w == 0 {
		return math.Copysign(0, x)
	}
	return x * w
}

func selu(x float64) float64 {
	if x > 0 {
		return 1.0507009873554804934193349852946 * x
	}
	return 1.7580993408473768599402175208123 * math.Expm1(x)
}

func seluSlope(x float64) float64 {
	if x > 0 {
		return 1.0507009873554804934193349852946
	}
	return 1.7580993408473768599402175208123 * math.Exp(x)
}

func softplus(x float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// least is the smallest size of a derivative: what is below 2^-24 is as good as 0.
func least(f func(float64) float64) func(float64) float64 {
	return func(x float64) float64 { return max(math.Abs(f(x)), 0x1p-24) }
}

func tanhSlope(x float64) float64    { return 1 / (math.Cosh(x) * math.Cosh(x)) }
func sigmoidSlope(x float64) float64 { return sigmoid(x) * sigmoid(-x) }
func siluSlope(x float64) float64    { return sigmoid(x) + times(x, sigmoidSlope(x)) }
func geluSlope(x float64) float64    { return tail(x) + times(x, density(x)) }

var functions = []function{
	{"Exp", vector.Exp, math.Exp, 0.9, nil},
	{"Expm1", vector.Expm1, math.Expm1, 1.5, nil},
	{"Log", vector.Log, math.Log, 1, nil},
	{"Log1p", vector.Log1p, math.Log1p, 1.3, nil},
	{"Tanh", vector.Tanh, math.Tanh, 1.3, nil},
	{"Sigmoid", vector.Sigmoid, sigmoid, 1.7, nil},
	{"Softplus", vector.Softplus, softplus, 1.6, nil},
	{"SiLU", vector.SiLU, func(x float64) float64 { return times(x, sigmoid(x)) }, 1.9, nil},
	{"GELU", vector.GELU, func(x float64) float64 { return times(x, tail(x)) }, 1.8, nil},
	{"SELU", vector.SELU, selu, 2, nil},
	{"Erf", vector.Erf, math.Erf, 1, nil},
	{"Sin", vector.Sin, math.Sin, 1.6, nil},
	{"Cos", vector.Cos, math.Cos, 1.6, nil},
	{"TanhSlope", second(vector.TanhSlope), tanhSlope, 2.5, least(tanhSlope)},
	{"SigmoidSlope", second(vector.SigmoidSlope), sigmoidSlope, 2.1, least(sigmoidSlope)},
	{"SoftplusSlope", second(vector.SoftplusSlope), sigmoid, 1.7, nil},
	{"SiLUSlope", second(vector.SiLUSlope), siluSlope, 2.5, least(func(x float64) float64 {
		return sigmoid(x) + math.Abs(times(x, sigmoidSlope(x)))
	})},
	{"GELUSlope", second(vector.GELUSlope), geluSlope, 3.3, least(func(x float64) float64 {
		return tail(x) + math.Abs(times(x, density(x)))
	})},
	{"SELUSlope", second(vector.SELUSlope), seluSlope, 1.5, least(seluSlope)},
}

// sweep are float32 of every exponent and sign, with mantissas spread over all,
// and many more of the size that activations have.
func sweep() (x []float32) {
	const (
		mantissas = 251
		cell      = 1 << 23 / mantissas
	)
	r := random(7)
	for high := uint32(0); high < 512; high++ {
		for i := range uint32(mantissas) {
			x = append(x, math.Float32frombits(high<<23|i*cell+uint32(r.intn(cell))))
		}
		for _, low := range []uint32{0, 1, 1<<23 - 1} {
			x = append(x, math.Float32frombits(high<<23|low))
		}
	}
	for range 200000 {
		x = append(x, (float32(r.next()>>40)/(1<<24)-0.5)*40, (float32(r.next()>>40)/(1<<24)-0.5)*4)
	}
	return x
}

// TestAccuracy: every function is within its bound over the sweep; infinities,
// NaN and the sign of -0 are those of the value.
func TestAccuracy(t *testing.T) {
	x := append(sweep(), special...)
	got := make([]float32, len(x))
	eachLevel(t, func(t *testing.T) {
		for _, f := range functions {
			f.call(got, x)
			worst, at := 0.0, 0
			for i, v := range x {
				if e := f.units(got[i], float64(v)); !(e <= worst) {
					worst, at = e, i
				}
			}
			if worst > f.bound {
				t.Errorf("%s(%g) = %g, want %g: off by %.3g units", f.name, x[at], got[at], f.value(float64(x[at])), worst)
			}
			var zero [1]float32
			f.call(zero[:], []float32{float32(math.Copysign(0, -1))})
			if want := f.value(math.Copysign(0, -1)); want == 0 && math.Signbit(want) != math.Signbit(float64(zero[0])) {
				t.Errorf("%s(-0) = %g, want %g", f.name, zero[0], want)
			}
		}
	})
}

// units is how far got is from the value at x, in units in the last place of
// float32, those of subnormal numbers below 2^-126.
func (f function) units(got float32, x float64) float64 {
	want := f.value(x)
	if math.IsNaN(want) || got != got {
		if math.IsNaN(want) == (got != got) {
			return 0
		}
		return math.Inf(1)
	}
	// What rounds to infinity must be infinity, and the largest finite number is
	// one unit from it.
	const largest = 0x1p128
	if math.Abs(want) > largest {
		want = math.Copysign(largest, want)
	}
	g := float64(got)
	if math.IsInf(g, 0) {
		g = math.Copysign(largest, g)
	}
	size := math.Abs(want)
	if f.size != nil {
		size = f.size(x)
	}
	_, e := math.Frexp(min(size, math.MaxFloat32))
	return math.Abs(g-want) / math.Ldexp(1, max(e, -125)-24)
}

// TestSlopes: a function with its derivative has the bits of the function.
func TestSlopes(t *testing.T) {
	x := append(sweep()[:200000], special...)
	a, b := make([]float32, len(x)), make([]float32, len(x))
	eachLevel(t, func(t *testing.T) {
		for _, f := range []struct {
			name        string
			both, plain func(dst, x []float32)
		}{
			{"Tanh", first(vector.TanhSlope), vector.Tanh},
			{"Sigmoid", first(vector.SigmoidSlope), vector.Sigmoid},
			{"Softplus", first(vector.SoftplusSlope), vector.Softplus},
			{"the slope of Softplus", second(vector.SoftplusSlope), vector.Sigmoid},
			{"SiLU", first(vector.SiLUSlope), vector.SiLU},
			{"GELU", first(vector.GELUSlope), vector.GELU},
			{"SELU", first(vector.SELUSlope), vector.SELU},
			{"ReLU", first(vector.ReLUSlope), vector.ReLU},
			{"the slope of ReLU", second(vector.ReLUSlope), vector.Step},
			{"Sin", first(vector.SinCos), vector.Sin},
			{"Cos", second(vector.SinCos), vector.Cos},
		} {
			f.both(a, x)
			f.plain(b, x)
			for i, v := range a {
				if !same(v, b[i]) {
					t.Errorf("%s at %g: %g, and alone %g", f.name, x[i], v, b[i])
					break
				}
			}
		}
	})
}
