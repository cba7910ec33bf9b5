//go:build !purego

package philox

import "github.com/pathline/pathline/stages/internal/kernel"

// bundle is how many lanes a loop of a level computes together: the assembly does
// whole bundles, lane i to dst + i stride (in bytes), and moves the lanes on. The
// last lanes go by way of the stack.
func bundle(l kernel.Level) int { return [...]int{kernel.AVX2: bundle2, kernel.AVX512: bundle512}[l] }

const (
	bundle2   = 8
	bundle512 = 16
)

func fastBlocks(dst [][4]uint32, l *lanes) bool {
	level := kernel.Current()
	if level == kernel.Generic {
		return false
	}
	b := bundle(level)
	whole := len(dst) / b
	if whole > 0 {
		runBlocks(level, &dst[0][0], whole, l)
	}
	if rest := dst[whole*b:]; len(rest) > 0 {
		var last [bundle512][4]uint32
		runBlocks(level, &last[0][0], 1, l)
		copy(rest, last[:])
	}
	return true
}

func runBlocks(level kernel.Level, dst *uint32, n int, l *lanes) {
	if level == kernel.AVX512 {
		blocksAVX512(dst, 16, n, &l.row)
	} else {
		blocksAVX2(dst, 16, n, &l.row)
	}
}

func fastUniforms(dst []float64, l *lanes) bool {
	level := kernel.Current()
	if level == kernel.Generic {
		return false
	}
	b := bundle(level)
	whole := len(dst) / b
	if whole > 0 {
		runUniforms(level, &dst[0], whole, l)
	}
	if rest := dst[whole*b:]; len(rest) > 0 {
		var last [bundle512]float64
		runUniforms(level, &last[0], 1, l)
		copy(rest, last[:])
	}
	return true
}

func runUniforms(level kernel.Level, dst *float64, n int, l *lanes) {
	if level == kernel.AVX512 {
		uniformsAVX512(dst, 8, n, &l.row)
	} else {
		uniformsAVX2(dst, 8, n, &l.row)
	}
}

func fastNormals32(dst []float32, stride, width, n int, l *lanes) bool {
	level := kernel.Current()
	if level == kernel.Generic {
		return false
	}
	b := bundle(level)
	whole := n / b
	if whole > 0 {
		runNormals32(level, &dst[0], 4*stride, width, whole, l)
	}
	if rest := n - whole*b; rest > 0 {
		var last [4 * bundle512]float32
		runNormals32(level, &last[0], 4*width, width, 1, l)
		scatter(dst[whole*b*stride:], stride, last[:rest*width], width)
	}
	return true
}

func runNormals32(level kernel.Level, dst *float32, stride, width, n int, l *lanes) {
	at := &l.row
	switch wide := level == kernel.AVX512; {
	case wide && width == 4:
		normals32x4AVX512(dst, stride, n, at)
	case wide && width == 3:
		normals32x3AVX512(dst, stride, n, at)
	case wide && width == 2:
		normals32x2AVX512(dst, stride, n, at)
	case wide:
		normals32x1AVX512(dst, stride, n, at)
	case width == 4:
		normals32x4AVX2(dst, stride, n, at)
	case width == 3:
		normals32x3AVX2(dst, stride, n, at)
	case width == 2:
		normals32x2AVX2(dst, stride, n, at)
	default:
		normals32x1AVX2(dst, stride, n, at)
	}
}

func fastNormals64(dst []float64, stride, width, n int, l *lanes) bool {
	level := kernel.Current()
	if level == kernel.Generic {
		return false
	}
	b := bundle(level)
	whole := n / b
	if whole > 0 {
		runNormals64(level, &dst[0], 8*stride, width, whole, l)
	}
	if rest := n - whole*b; rest > 0 {
		var last [2 * bundle512]float64
		runNormals64(level, &last[0], 8*width, width, 1, l)
		scatter(dst[whole*b*stride:], stride, last[:rest*width], width)
	}
	return true
}

func runNormals64(level kernel.Level, dst *float64, stride, width, n int, l *lanes) {
	at := &l.row
	switch wide := level == kernel.AVX512; {
	case wide && width == 2:
		normals64x2AVX512(dst, stride, n, at)
	case wide:
		normals64x1AVX512(dst, stride, n, at)
	case width == 2:
		normals64x2AVX2(dst, stride, n, at)
	default:
		normals64x1AVX2(dst, stride, n, at)
	}
}

// scatter copies rows of width elements to rows that are stride apart.
func scatter[T any](dst []T, stride int, rows []T, width int) {
	for i := 0; i*width < len(rows); i++ {
		copy(dst[i*stride:], rows[i*width:][:width])
	}
}
