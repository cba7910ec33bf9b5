package bijection

// Checkerboard is a coupling of pixels (Dinh et al. 2017, section 3.4, eq. 9): in
// an image [Height Width, c] the pixels (i, j) with i+j even, or odd, stay, and the
// others are changed, each by a Univariate whose parameters are a function of
// those kept:
//
//	z = b x + (1-b) tau(x; theta(b x)),   log|det| = sum (1-b) ln tau'(x)
//
// with b 1 for pixels that stay and 0 for the others.
type Checkerboard struct {
	Height, Width int
	Odd           bool // the pixels with i+j odd stay
	Function      Univariate
	Conditioner   Conditioning
}

// Normalize is the map.
func (c Checkerboard) Normalize(b *Builder, x Value) (z, logdet Value) {
	return c.apply(b, x, c.Function.Normalize)
}

// Generate is its inverse.
func (c Checkerboard) Generate(b *Builder, z Value) (x, logdet Value) {
	return c.apply(b, z, c.Function.Generate)
}

func (c Checkerboard) apply(b *Builder, x Value, f func(*Builder, Value, []Value) (Value, Value)) (y, logdet Value) {
	n, places := lastAxis(x)
	mask := make([]float64, places*n)
	for i := range mask {
		if at := i / n; (at/c.Width+at%c.Width)%2 == 1 == c.Odd {
			mask[i] = 1
		}
	}
	stay := b.Const(mask, places, n)
	y, d := f(b, x, c.Conditioner.parameters(b, b.Mul(x, stay), n, c.Function.Parameters()))
	return b.Select(stay, x, y), b.SumAll(b.Select(stay, b.Fill(0, places, n), d))
}
