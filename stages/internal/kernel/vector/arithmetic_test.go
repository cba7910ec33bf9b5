package vector_test

import (
	"math"
	"math/big"
	"testing"

	"github.com/pathline/pathline/stages/internal/kernel"
)

// special are values at the edges of float32.
var special = []float32{
	0, float32(math.Copysign(0, -1)), 1, -1, 0.5, -3.25, 1e-45, -1e-45, 0x1p-126, -0x1p-126, 0x1.fffffcp-127,
	math.MaxFloat32, -math.MaxFloat32, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
	16777217, -88.72, 88.73, 104,
}

// exact are the functions with one correctly rounded value, as formulas of Go.
var exact = map[string]func(v, a, b, c float32) float32{
	"Sqrt":       func(_, a, _, _ float32) float32 { return float32(math.Sqrt(float64(a))) },
	"Reciprocal": func(_, a, _, _ float32) float32 { return 1 / a },
	"Neg":        func(_, a, _, _ float32) float32 { return -a },
	"Abs":        func(_, a, _, _ float32) float32 { return float32(math.Abs(float64(a))) },
	"Square":     func(_, a, _, _ float32) float32 { return a * a },
	"Add":        func(_, a, b, _ float32) float32 { return a + b },
	"Sub":        func(_, a, b, _ float32) float32 { return a - b },
	"Mul":        func(_, a, b, _ float32) float32 { return a * b },
	"Div":        func(_, a, b, _ float32) float32 { return a / b },
	"Scale":      func(_, a, _, _ float32) float32 { return scalar * a },
	"Shift":      func(_, a, _, _ float32) float32 { return a + scalar },
	"MulAdd":     func(v, a, b, _ float32) float32 { return fused(a, b, v) },
	"AddScaled":  func(v, a, _, _ float32) float32 { return fused(scalar, a, v) },
	"Step": func(_, a, _, _ float32) float32 {
		if a > 0 {
			return 1
		}
		return 0
	},
	"Floor": func(_, a, _, _ float32) float32 { return float32(math.Floor(float64(a))) },
	"ReLU": func(_, a, _, _ float32) float32 {
		if a < 0 {
			return 0
		}
		return a
	},
	"Select": func(_, a, b, c float32) float32 {
		if a > 0 {
			return b
		}
		return c
	},
	"Max": func(_, a, b, _ float32) float32 {
		switch {
		case a != a || b != b:
			return float32(math.NaN())
		case a > b:
			return a
		}
		return b
	},
	"Min": func(_, a, b, _ float32) float32 {
		switch {
		case a != a || b != b:
			return float32(math.NaN())
		case a < b:
			return a
		}
		return b
	},
}

// fused is a*b + c rounded once, by exact arithmetic.
func fused(a, b, c float32) float32 {
	near := float64(a)*float64(b) + float64(c)
	if math.IsNaN(near) || math.IsInf(near, 0) || near == 0 {
		return float32(near)
	}
	x := new(big.Float).SetPrec(400).SetFloat64(float64(a))
	x.Mul(x, new(big.Float).SetFloat64(float64(b)))
	x.Add(x, new(big.Float).SetFloat64(float64(c)))
	f, _ := x.Float32()
	return f
}

// TestExact: arithmetic is that of IEEE 754 under every instruction set. In Go a
// fused product and sum passes through float64, which changes a rare tie.
func TestExact(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		tested := 0
		for _, e := range entries {
			f := exact[e.name]
			if f == nil {
				continue
			}
			tested++
			v, a, b, c := combinations()
			out := append([]float32(nil), v...)
			e.call([][]float32{out}, [][]float32{a, b, c}[:e.in])
			for i, got := range out {
				want := f(v[i], a[i], b[i], c[i])
				if e.updates && kernel.Current() == kernel.Generic && tie(got, want) {
					continue
				}
				if !same(got, want) {
					t.Errorf("%s(%g; %g, %g, %g) = %g, want %g", e.name, v[i], a[i], b[i], c[i], got, want)
					break
				}
			}
		}
		if tested != len(exact) {
			t.Errorf("%d of %d functions tested", tested, len(exact))
		}
	})
}

// tie is whether two values are neighbours.
func tie(a, b float32) bool {
	return math.Nextafter32(a, b) == b
}

// combinations are all triples of special values and many random ones.
func combinations() (v, a, b, c []float32) {
	r := random(2)
	add := func(w, x, y, z float32) { v, a, b, c = append(v, w), append(a, x), append(b, y), append(c, z) }
	for _, x := range special {
		for _, y := range special {
			for _, z := range special {
				add(z, x, y, z)
			}
		}
	}
	for range 20000 {
		add(r.value(), r.value(), r.value(), r.value())
	}
	return v, a, b, c
}
