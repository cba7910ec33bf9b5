//go:build !purego

package assign

import "github.com/pathline/pathline/stages/internal/kernel"

func fastRelax(dist []float64, pred []int32, cost []float32, open []float64, base float64, from int32) (least float64, at int, ok bool) {
	var number float64
	switch kernel.Current() {
	case kernel.AVX512:
		least, number = relaxAVX512(len(dist), &dist[0], &pred[0], &cost[0], &open[0], base, from)
	case kernel.AVX2:
		least, number = relaxAVX2(len(dist), &dist[0], &pred[0], &cost[0], &open[0], base, from)
	default:
		return 0, 0, false
	}
	return least, int(number), true
}

func fastTwoLeast(cost []float32, v []float64) (Two, bool) {
	var out [4][8]float64
	lanes := 8
	switch kernel.Current() {
	case kernel.AVX512:
		twoLeastAVX512(len(cost), &cost[0], &v[0], &out[0][0])
	case kernel.AVX2:
		lanes = 4
		twoLeastAVX2(len(cost), &cost[0], &v[0], &out[0][0])
	default:
		return Two{}, false
	}
	at := func(k, lane int) float64 { i := k*lanes + lane; return out[i/8][i%8] }
	t := Two{at(0, 0), at(1, 0), int(at(2, 0)), int(at(3, 0))}
	for l := 1; l < lanes; l++ {
		for k := range 2 {
			if j := int(at(2+k, l)); j >= 0 {
				t.take(at(k, l), j)
			}
		}
	}
	return t, true
}

func fastSquares(dst []float32, x []float64, y []float32) bool {
	switch kernel.Current() {
	case kernel.AVX512:
		squaresAVX512(len(dst), len(x), len(dst), &dst[0], &x[0], &y[0])
	case kernel.AVX2:
		squaresAVX2(len(dst), len(x), len(dst), &dst[0], &x[0], &y[0])
	default:
		return false
	}
	return true
}
