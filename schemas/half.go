package schemas

import (
	"math"

	"github.com/apache/arrow/go/v17/arrow/float16"
)

// The conversions of Arrow's own float16 package cut instead of rounding and
// lose subnormal numbers, so these are ours (IEEE 754-2019, binary16: 1 sign,
// 5 exponent, 10 fraction bits).

// half rounds to the nearest float16, ties to even; beyond 65520 it is
// infinite.
func half(x float64) float16.Num {
	var sign uint16
	if math.Signbit(x) {
		sign, x = 0x8000, -x
	}
	switch {
	case x != x:
		return float16.FromBits(sign | 0x7e00)
	case x >= 65520:
		return float16.FromBits(sign | 0x7c00)
	case x < 0x1p-14: // subnormal: whole multiples of 2^-24
		return float16.FromBits(sign | uint16(math.RoundToEven(x*0x1p24)))
	}
	frac, exp := math.Frexp(x) // x = frac 2^exp, frac in [1/2, 1)
	m := uint16(math.RoundToEven(math.Ldexp(frac, 11)))
	// m is in [1024, 2048]: the carry of 2048 goes to the exponent by itself.
	return float16.FromBits(sign | (uint16(exp+14)<<10 + m - 1024))
}

func fromHalf(h float16.Num) float64 {
	b := h.Uint16()
	exp, m := int(b>>10&0x1f), float64(b&0x3ff)
	var x float64
	switch exp {
	case 0:
		x = math.Ldexp(m, -24)
	case 31:
		if x = math.Inf(1); m != 0 {
			x = math.NaN()
		}
	default:
		x = math.Ldexp(1024+m, exp-25)
	}
	if b&0x8000 != 0 {
		x = -x
	}
	return x
}
