package philox

import "math"

// quarter is pi/2, a quarter turn.
const (
	quarter  = math.Pi / 2
	quarter2 = quarter * quarter
	quarter3 = quarter2 * quarter
)

// Coefficients of k_sin.c, sin x = x + x³ S(x²) within 2^-58 for x up to pi/4,
// and of k_cos.c, cos x = 1 - x²/2 + x⁴ C(x²), for x in quarter turns.
const (
	sin1 = -1.66666666666666324348e-01 * quarter3
	sin2 = 8.33333333332248946124e-03 * quarter3 * quarter2
	sin3 = -1.98412698298579493134e-04 * quarter3 * quarter2 * quarter2
	sin4 = 2.75573137070700676789e-06 * quarter3 * quarter3 * quarter3
	sin5 = -2.50507602534068634195e-08 * quarter3 * quarter3 * quarter3 * quarter2
	sin6 = 1.58969099521155010221e-10 * quarter3 * quarter3 * quarter3 * quarter2 * quarter2

	cos0 = -0.5 * quarter2
	cos1 = 4.16666666666666019037e-02 * quarter2 * quarter2
	cos2 = -1.38888888888741095749e-03 * quarter3 * quarter3
	cos3 = 2.48015872894767294178e-05 * quarter3 * quarter3 * quarter2
	cos4 = -2.75573143513906633035e-07 * quarter3 * quarter3 * quarter2 * quarter2
	cos5 = 2.08757232129817482790e-09 * quarter3 * quarter3 * quarter3 * quarter3
	cos6 = -1.13596475577881948265e-11 * quarter3 * quarter3 * quarter3 * quarter3 * quarter2
)

// nearest added to a number below 2^51 leaves the nearest integer in the low bits.
const nearest = 0x1.8p52

// circle is the sine and cosine of x turn quarter turns, 0 <= x turn <= 4, turn a
// power of two, within 3e-16 relative. x turn is a multiple of 2^-52, so what is
// left of it after the nearest quarter is exact: a sine near 0 has all its bits,
// which that of a rounded 2 pi u has not.
func circle(x, turn float64) (sin, cos float64) {
	n := math.FMA(x, turn, nearest)
	q := math.Float64bits(n)
	f := math.FMA(x, turn, -(n - nearest))
	z := f * f
	s := math.FMA(sin6, z, sin5)
	s = math.FMA(s, z, sin4)
	s = math.FMA(s, z, sin3)
	s = math.FMA(s, z, sin2)
	s = math.FMA(s, z, sin1)
	s = math.FMA(s, z*f, f*quarter)
	c := math.FMA(cos6, z, cos5)
	c = math.FMA(c, z, cos4)
	c = math.FMA(c, z, cos3)
	c = math.FMA(c, z, cos2)
	c = math.FMA(c, z, cos1)
	c = math.FMA(c, z, cos0)
	c = math.FMA(c, z, 1)
	if q&1 != 0 { // cos(f + 1) is -sin f, sin(f + 1) is cos f
		s, c = c, s
	}
	sin = math.Float64frombits(math.Float64bits(s) ^ q<<62&(1<<63))
	cos = math.Float64frombits(math.Float64bits(c) ^ (q+1)<<62&(1<<63))
	return sin, cos
}
