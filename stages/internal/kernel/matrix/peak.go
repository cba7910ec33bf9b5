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

func peakGeneric(loops int) (flops float64) {
	var s [8]float32
	x := float32(1)
	s0, s1, s2, s3, s4, s5, s6, s7 := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
	for range loops {
		s0 += float32(x * s0)
		s1 += float32(x * s1)
		s2 += float32(x * s2)
		s3 += float32(x * s3)
		s4 += float32(x * s4)
		s5 += float32(x * s5)
		s6 += float32(x * s6)
		s7 += float32(x * s7)
	}
	if v := s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7; v != 0 {
		panic("matrix: zeros have a sum")
	}
	return 16 * float64(loops)
}
