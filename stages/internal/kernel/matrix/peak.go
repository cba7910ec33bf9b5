package matrix

import "github.com/pathline/pathline/stages/internal/kernel"

// PeakFMA runs fused multiply-adds that do not wait for each other, in the
// widest registers of the current level, and returns how many floating-point
// operations they were (two for each lane). Their rate is the most that a
// product can reach. The Go level multiplies and adds in scalars.
func PeakFMA(loops int) (flops float64) {
	if kernel.Current() == kernel.Generic {
		return peakGeneric(loops)
	}
	return peakTiles(loops)
}

// peakGeneric has six sums and six products, of zeros that the compiler does
// not know: as many as it keeps in 15 registers.
func peakGeneric(loops int) (flops float64) {
	x := float32(max(loops, 0) >> 62)
	y, z := 2*x, 3*x
	var s0, s1, s2, s3, s4, s5 float32
	for range loops {
		s0 += float32(x * x)
		s1 += float32(x * y)
		s2 += float32(x * z)
		s3 += float32(y * y)
		s4 += float32(y * z)
		s5 += float32(z * z)
	}
	if s0+s1+s2+s3+s4+s5 != 0 {
		panic("matrix: zeros have a sum")
	}
	return 12 * float64(max(loops, 0))
}
