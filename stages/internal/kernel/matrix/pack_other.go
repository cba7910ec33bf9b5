//go:build !amd64 || purego

package matrix

import "github.com/pathline/pathline/stages/internal/kernel"

func copyRows(_ kernel.Level, dst []float32, width int, src []float32, ld, rows, columns int) {
	copyRowsGeneric(dst, width, src, ld, rows, columns)
}

func transpose(_ kernel.Level, dst []float32, width int, src []float32, ld, rows, columns int) {
	transposeGeneric(dst, width, src, ld, rows, columns, 0)
}
