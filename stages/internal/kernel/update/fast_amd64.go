//go:build !purego

package update

import "github.com/pathline/pathline/stages/internal/kernel"

func fastAdam(w, g, mean, square []float32, s *AdamScalars) bool {
	level := kernel.Current()
	switch {
	case level == kernel.Generic || len(w) == 0:
		return false
	case level == kernel.AVX512:
		adamAVX512(len(w), &w[0], &g[0], &mean[0], &square[0], &s.Mean)
	default:
		adamAVX2(len(w), &w[0], &g[0], &mean[0], &square[0], &s.Mean)
	}
	return true
}

func fastLion(w, g, mean []float32, s *LionScalars) bool {
	level := kernel.Current()
	switch {
	case level == kernel.Generic || len(w) == 0:
		return false
	case level == kernel.AVX512:
		lionAVX512(len(w), &w[0], &g[0], &mean[0], &s.Move)
	default:
		lionAVX2(len(w), &w[0], &g[0], &mean[0], &s.Move)
	}
	return true
}

func fastDescend(w, g []float32, s *[2]float32) bool {
	level := kernel.Current()
	switch {
	case level == kernel.Generic || len(w) == 0:
		return false
	case level == kernel.AVX512:
		descendAVX512(len(w), &w[0], &g[0], &s[0])
	default:
		descendAVX2(len(w), &w[0], &g[0], &s[0])
	}
	return true
}

func fastMomentum(w, g, buffer []float32, s *MomentumScalars) bool {
	level := kernel.Current()
	switch {
	case level == kernel.Generic || len(w) == 0:
		return false
	case level == kernel.AVX512:
		momentumAVX512(len(w), &w[0], &g[0], &buffer[0], &s.Rate)
	default:
		momentumAVX2(len(w), &w[0], &g[0], &buffer[0], &s.Rate)
	}
	return true
}

func fastAverage(high, low, w []float32, part *float64) bool {
	level := kernel.Current()
	switch {
	case level == kernel.Generic || len(high) == 0:
		return false
	case level == kernel.AVX512:
		averageAVX512(len(high), &high[0], &low[0], &w[0], part)
	default:
		averageAVX2(len(high), &high[0], &low[0], &w[0], part)
	}
	return true
}

func fastScale(g []float32, by *float64) bool {
	level := kernel.Current()
	switch {
	case level == kernel.Generic || len(g) == 0:
		return false
	case level == kernel.AVX512:
		scaleAVX512(len(g), &g[0], by)
	default:
		scaleAVX2(len(g), &g[0], by)
	}
	return true
}
