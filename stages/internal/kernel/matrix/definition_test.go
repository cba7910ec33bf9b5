package matrix_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/pathline/pathline/stages/internal/kernel"
)

// each runs a test under every level that the processor has.
func each(t *testing.T, f func(t *testing.T)) {
	for l := kernel.Generic; l <= kernel.Best(); l++ {
		t.Run(l.String(), func(t *testing.T) {
			defer kernel.Use(kernel.Use(l))
			f(t)
		})
	}
}

// term is c + a b as the current level computes it.
func term(a, b, c float32) float32 {
	if kernel.Current() == kernel.Generic {
		return float32(a*b) + c
	}
	return fma(a, b, c)
}

// fma is a b + c, rounded once. The product is exact in float64; the sum is
// rounded to odd there, after which rounding to float32 is the only rounding
// (S. Boldo, G. Melquiond, "Emulation of FMA and correctly rounded sums: proved
// algorithms using rounding to odd", IEEE Trans. Computers 57(4), 2008).
func fma(a, b, c float32) float32 {
	p, z := float64(a)*float64(b), float64(c)
	s := p + z
	if math.IsInf(s, 0) || math.IsNaN(s) {
		return float32(s)
	}
	v := s - p
	if rest := (p - (s - v)) + (z - v); rest != 0 && math.Float64bits(s)&1 == 0 {
		s = math.Nextafter(s, math.Copysign(math.Inf(1), rest))
	}
	return float32(s)
}

func TestFMAOfTheTests(t *testing.T) {
	// The exact sum is just below the middle of two float32, and float64 rounds
	// it to the middle: rounded again, it would be the neighbour above.
	x, y := float32(math.Ldexp(1+0x1p-23, -12)), float32(math.Ldexp(1-0x1p-23, -12))
	if got := fma(x, y, 1+0x1p-23); got != 1+0x1p-23 {
		t.Errorf("rounded twice: %x", got)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 100000 {
		a, b := float32(r.NormFloat64()), float32(r.NormFloat64())
		c := float32(math.Ldexp(r.NormFloat64(), r.IntN(80)-40))
		exact := new(big.Float).SetPrec(400).SetFloat64(float64(a))
		exact.Mul(exact, big.NewFloat(float64(b)))
		exact.Add(exact, big.NewFloat(float64(c)))
		if want, _ := exact.Float32(); fma(a, b, c) != want {
			t.Fatalf("fma(%x, %x, %x) = %x, want %x", a, b, c, fma(a, b, c), want)
		}
	}
}
