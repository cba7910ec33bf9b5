package vector

// operand is x cut to the length of the destination.
func operand(dst, x []float32) []float32 {
	if len(x) < len(dst) {
		panic("vector: an operand is shorter than the destination")
	}
	return x[:len(dst)]
}

// matrix checks that rows of n elements, ld apart, lie in x.
func matrix(x []float32, ld, rows, n int) {
	if rows < 0 || n < 0 || rows > 0 && ld < n && ld != 0 {
		panic("vector: a matrix has no such rows")
	}
	if rows > 0 && n > 0 && (rows-1)*ld+n > len(x) {
		panic("vector: a matrix is longer than its slice")
	}
}

// each is the definition of a function of one variable: f in float64, rounded
// once.
func each(dst, x []float32, f func(float64) float64) {
	for i, v := range x {
		dst[i] = float32(f(float64(v)))
	}
}

// eachSlope is the same for a function that gives its derivative too.
func eachSlope(y, dy, x []float32, f func(float64) (y, dy float64)) {
	for i, v := range x {
		a, b := f(float64(v))
		y[i], dy[i] = float32(a), float32(b)
	}
}

// slopes checks the three slices of a function with its derivative.
func slopes(y, dy, x []float32) (dy2, x2 []float32) {
	if len(dy) < len(y) || len(x) < len(y) {
		panic("vector: an operand is shorter than the destination")
	}
	return dy[:len(y)], x[:len(y)]
}
