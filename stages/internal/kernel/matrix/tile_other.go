//go:build !amd64 || purego

package matrix

// Without assembly the level is never above Generic.

func multiplyTiles([]float32, int, []float32, int, *Packed, int, []float32, bool) {
	panic("matrix: no assembly")
}

func addTransposedTiles([]float32, int, []float32, int, []float32, int, int, int, int, *Pattern) {
	panic("matrix: no assembly")
}

func peakTiles(int) float64 { panic("matrix: no assembly") }
