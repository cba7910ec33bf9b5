package philox

// Uniform is the top 53 bits of two words, low word first, over 2^53.
func Uniform(lo, hi uint32) float64 { return top53(lo, hi) * 0x1p-53 }

// top53 is the top 53 bits of two words as an integer.
func top53(lo, hi uint32) float64 { return float64((uint64(hi)<<32 | uint64(lo)) >> 11) }

// UniformRows writes the uniform of words 0 and 1 for consecutive rows.
func UniformRows(dst []float64, c Counter) {
	l := c.rows()
	if fastUniforms(dst, &l) {
		return
	}
	for i := range dst {
		b := l.at(i)
		dst[i] = Uniform(b[0], b[1])
	}
}
