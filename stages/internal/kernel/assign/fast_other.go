//go:build !amd64 || purego

package assign

func fastRelax([]float64, []int32, []float32, []float64, float64, int32) (float64, int, bool) {
	return 0, 0, false
}

func fastTwoLeast([]float32, []float64) (Two, bool) { return Two{}, false }

func fastSquares([]float32, []float64, []float32) bool { return false }

func fastDot([]float32, []float64) (float64, bool) { return 0, false }

func fastAdd([]float64, []float32, float64) bool { return false }

func fastExponents(_, _ []float32, _ []float64, _, _ float64) bool { return false }

func fastGreatest([]float32) (uint32, bool) { return 0, false }
