package philox

import "math"

// ln 2 in two parts: the high one times an exponent is exact.
const (
	ln2High = 6.93147180369123816490e-01 // 0x3fe62e42fee00000
	ln2Low  = 1.90821492927058770002e-10 // 0x3dea39ef35793c76
)

// Coefficients of e_log.c: (ln((1+s)/(1-s)) - 2s)/s in s², within 2^-58.45.
const (
	log1 = 6.666666666666735130e-01
	log2 = 3.999999999940941908e-01
	log3 = 2.857142874366239149e-01
	log4 = 2.222219843214978396e-01
	log5 = 1.818357216161805012e-01
	log6 = 1.531383769920937332e-01
	log7 = 1.479819860511658591e-01
)

// splitLog is sqrt(1/2), rounded to the upper half of its bits: mantissas go from there to
// twice that, and are near 1 without an exponent on both sides of 1.
const splitLog = 0x3fe6a09e << 32

// logarithm is ln(x 2^-scale) for a normal x > 0, within 1.5e-16 relative where
// x 2^-scale <= 1. With x = 2^k (1+f) and s = f/(2+f), after e_log.c:
//
//	ln x = k ln2 + (f - (f²/2 - s (f²/2 + R(s²))))
func logarithm(x float64, scale int) float64 {
	b := math.Float64bits(x) + (0x3ff<<52 - splitLog)
	k := float64(int(b>>52) - 0x3ff - scale)
	f := math.Float64frombits(b&(1<<52-1)+splitLog) - 1
	s := f / (f + 2)
	z := s * s
	r := math.FMA(log7, z, log6)
	r = math.FMA(r, z, log5)
	r = math.FMA(r, z, log4)
	r = math.FMA(r, z, log3)
	r = math.FMA(r, z, log2)
	r = math.FMA(r, z, log1)
	h := float64(f * 0.5 * f) // converted: no fusing with what follows
	r = math.FMA(r, z, h)
	r = math.FMA(r, s, k*ln2Low)
	return math.FMA(k, ln2High, f-(h-r))
}
