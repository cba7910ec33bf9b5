package bijection

// Split factors out the last half of the channels of an image [places, Channels]:
// they go to the base as they are, and Rest, which gives a row, goes on with the
// others (Dinh et al. 2017, section 3.6, eq. 14):
//
//	z = (Rest(x_a), x_b),    log|det| = that of Rest
//
// A coupling before it that changes x_b by a function of x_a makes the base of x_b
// depend on x_a, a normal distribution with learned mean and variance (Kingma and
// Dhariwal 2018, in their program).
type Split struct {
	Channels int
	Rest     Layer
}

// kept is how many channels go on.
func (s Split) kept() int { return s.Channels - s.Channels/2 }

// Normalize is the split.
func (s Split) Normalize(b *Builder, x Value) (z, logdet Value) {
	a, out := b.Slice(x, 0, s.kept()), b.Slice(x, s.kept(), s.Channels)
	a, logdet = s.Rest.Normalize(b.Below("rest"), a)
	return b.Concat(a, flat(b, out)), logdet
}

// Generate is its inverse.
func (s Split) Generate(b *Builder, z Value) (x, logdet Value) {
	n, _ := lastAxis(z)
	at := n / s.Channels * s.kept()
	a, logdet := s.Rest.Generate(b.Below("rest"), b.Slice(z, 0, at))
	return b.Concat(a, b.Reshape(b.Slice(z, at, n), n/s.Channels, s.Channels-s.kept())), logdet
}
