package bijection

// Squeeze trades places for channels: each square of 2 x 2 pixels of an image
// [Height Width, c] becomes one pixel with 4 c channels, those of its upper left,
// upper right, lower left and lower right pixel in that order (Dinh et al. 2017,
// section 3.6). Height and Width are even. Its log-determinant is 0.
type Squeeze struct{ Height, Width int }

// order says from where in x a number of z comes.
func (s Squeeze) order(channels int) []int32 {
	order := make([]int32, 0, s.Height*s.Width*channels)
	for i := 0; i < s.Height; i += 2 {
		for j := 0; j < s.Width; j += 2 {
			for k := range 4 {
				at := ((i+k/2)*s.Width + j + k%2) * channels
				for c := range channels {
					order = append(order, int32(at+c))
				}
			}
		}
	}
	return order
}

// Normalize is the squeeze.
func (s Squeeze) Normalize(b *Builder, x Value) (z, logdet Value) {
	c, places := lastAxis(x)
	y, logdet := Permutation{s.order(c)}.Normalize(b, flat(b, x))
	return b.Reshape(y, places/4, 4*c), logdet
}

// Generate is its inverse.
func (s Squeeze) Generate(b *Builder, z Value) (x, logdet Value) {
	c, places := lastAxis(z)
	y, logdet := Permutation{s.order(c / 4)}.Generate(b, flat(b, z))
	return b.Reshape(y, 4*places, c/4), logdet
}

// flat is a value with one axis.
func flat(b *Builder, x Value) Value {
	last, places := lastAxis(x)
	return b.Reshape(x, last*places)
}
