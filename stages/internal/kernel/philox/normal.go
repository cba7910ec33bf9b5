package philox

import "math"

// normals32 are the first width normals of a block, up to four: words j and j+1,
// j = 0 and 2, give draws j and j+1 with u = (word + 1/2) / 2^32,
//
//	r = sqrt(-2 ln u1), a = 2 pi u2, r cos a and r sin a
//
// (Box and Muller 1958), rounded to float32 at the end.
func normals32(b [4]uint32, width int) (z [4]float32) {
	for j := 0; j < width; j += 2 {
		r := math.Sqrt(-2 * logarithm(float64(b[j])+0.5, 32))
		sin, cos := circle(float64(b[j+1])+0.5, 0x1p-30)
		z[j], z[j+1] = float32(r*cos), float32(r*sin)
	}
	return z
}

// normals64 are the two normals of a block, likewise with the uniforms u of 53
// bits of words 0, 1 and of words 2, 3, and with ln(1 - u1).
func normals64(b [4]uint32) (z [2]float64) {
	r := math.Sqrt(-2 * logarithm(0x1p53-top53(b[0], b[1]), 53))
	sin, cos := circle(top53(b[2], b[3]), 0x1p-51)
	return [2]float64{float64(r * cos), float64(r * sin)}
}

// Normals32 writes draws 0..len(dst)-1 of a row, four from a block.
func Normals32(dst []float32, c Counter) {
	l := c.draws()
	whole := len(dst) / 4
	lanes32(dst, 4, 4, whole, l)
	if rest := len(dst) % 4; rest > 0 {
		l.skip(whole)
		lanes32(dst[4*whole:], 4, rest, 1, l)
	}
}

// Normals64 writes draws 0..len(dst)-1 of a row, two from a block.
func Normals64(dst []float64, c Counter) {
	l := c.draws()
	whole := len(dst) / 2
	lanes64(dst, 2, 2, whole, l)
	if len(dst)%2 > 0 {
		l.skip(whole)
		lanes64(dst[2*whole:], 2, 1, 1, l)
	}
}

// stay is how many rows get all their draws before the next ones, so that they
// stay in the first cache.
const stay = 64

// Normals32Rows writes draws 0..dim-1 of consecutive rows to dst [rows][dim].
func Normals32Rows(dst []float32, dim, rows int, c Counter) {
	fit(len(dst), dim, rows)
	for r := 0; r < rows; r += stay {
		l := c.rows()
		l.skip(r)
		for j := 0; j < dim; j += 4 {
			lanes32(dst[r*dim+j:], dim, min(4, dim-j), min(stay, rows-r), l)
			l.block++
		}
	}
}

// Normals64Rows writes draws 0..dim-1 of consecutive rows to dst [rows][dim].
func Normals64Rows(dst []float64, dim, rows int, c Counter) {
	fit(len(dst), dim, rows)
	for r := 0; r < rows; r += stay {
		l := c.rows()
		l.skip(r)
		for j := 0; j < dim; j += 2 {
			lanes64(dst[r*dim+j:], dim, min(2, dim-j), min(stay, rows-r), l)
			l.block++
		}
	}
}

func fit(length, dim, rows int) {
	if dim < 0 || rows < 0 || length != dim*rows {
		panic("philox: destination is not rows of dim draws")
	}
}

// lanes32 writes the first width draws of n lanes, lane i to dst[i*stride:].
func lanes32(dst []float32, stride, width, n int, l lanes) {
	if fastNormals32(dst, stride, width, n, &l) {
		return
	}
	for i := range n {
		z := normals32(l.at(i), width)
		copy(dst[i*stride:], z[:width])
	}
}

// lanes64 is lanes32 for draws in float64.
func lanes64(dst []float64, stride, width, n int, l lanes) {
	if fastNormals64(dst, stride, width, n, &l) {
		return
	}
	for i := range n {
		z := normals64(l.at(i))
		copy(dst[i*stride:], z[:width])
	}
}
