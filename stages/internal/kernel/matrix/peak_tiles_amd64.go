//go:build !purego

package matrix

import "github.com/pathline/pathline/stages/internal/kernel"

func peakTiles(loops int) (flops float64) {
	if loops <= 0 {
		return 0
	}
	if kernel.Current() == kernel.AVX512 {
		peakAVX512(loops)
		return 2 * 12 * 16 * float64(loops)
	}
	peakAVX2(loops)
	return 2 * 12 * 8 * float64(loops)
}
