package bijection

// Reshape gives the numbers of a row other axes and changes nothing else: z has
// the shape To where x has From. Its log-determinant is 0. Layers for images stand
// between one that makes [height width, channels] of a row and one that makes a
// row of that.
type Reshape struct{ From, To []int }

// Image is the reshape from a row that holds the pixels of height rows and width
// columns with their channels, the last fastest.
func Image(height, width, channels int) Reshape {
	return Reshape{From: []int{height * width * channels}, To: []int{height * width, channels}}
}

// Flat is the reshape from an image to a row.
func Flat(height, width, channels int) Reshape {
	r := Image(height, width, channels)
	return Reshape{From: r.To, To: r.From}
}

// Normalize is the reshape.
func (r Reshape) Normalize(b *Builder, x Value) (z, logdet Value) {
	return b.Reshape(x, r.To...), b.zero()
}

// Generate is the reshape back.
func (r Reshape) Generate(b *Builder, z Value) (x, logdet Value) {
	return b.Reshape(z, r.From...), b.zero()
}
