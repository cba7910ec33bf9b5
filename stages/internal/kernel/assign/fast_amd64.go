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
	var first, firstAt, second, secondAt float64
	switch kernel.Current() {
	case kernel.AVX512:
		first, firstAt, second, secondAt = twoLeastAVX512(len(cost), &cost[0], &v[0])
	case kernel.AVX2:
		first, firstAt, second, secondAt = twoLeastAVX2(len(cost), &cost[0], &v[0])
	default:
		return Two{}, false
	}
	return Two{first, second, int(firstAt), int(secondAt)}, true
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

func fastDot(a []float32, b []float64) (float64, bool) {
	switch kernel.Current() {
	case kernel.AVX512:
		return dotAVX512(len(a), &a[0], &b[0]), true
	case kernel.AVX2:
		return dotAVX2(len(a), &a[0], &b[0]), true
	}
	return 0, false
}

func fastAdd(sum []float64, a []float32, u float64) bool {
	switch kernel.Current() {
	case kernel.AVX512:
		addAVX512(len(a), &sum[0], &a[0], u)
	case kernel.AVX2:
		addAVX2(len(a), &sum[0], &a[0], u)
	default:
		return false
	}
	return true
}

func fastExponents(dst, cost []float32, g []float64, f, scale float64) bool {
	switch kernel.Current() {
	case kernel.AVX512:
		exponentsAVX512(len(dst), &dst[0], &cost[0], &g[0], f, scale)
	case kernel.AVX2:
		exponentsAVX2(len(dst), &dst[0], &cost[0], &g[0], f, scale)
	default:
		return false
	}
	return true
}

func fastGreatest(cost []float32) (bits uint32, ok bool) {
	switch kernel.Current() {
	case kernel.AVX512:
		return greatestAVX512(len(cost), &cost[0]), true
	case kernel.AVX2:
		return greatestAVX2(len(cost), &cost[0]), true
	}
	return 0, false
}
