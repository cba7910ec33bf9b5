package bijection

// Dequantization gives the noise of numbers that were spread over their bins another
// distribution, which depends on the bins (variational dequantisation, Ho et al. 2019,
// section 3.1). Of a number x = Offset + Step (n + u) with a whole n and u in [0, 1)
//
//	t = 2u - 1,   t' = noise(t; n),   z = (Offset + Step (n + (t'+1)/2) - Low) / (High - Low)
//
// where noise is a bijection of [-1, 1]^dim that depends on all n of the row: no number
// leaves its bin. With u uniform, as it is after dequantize, t' has the density q(t'|n)
// whose logarithm is -log|det dt'/dt| - dim ln 2, so that the density behind this layer
// is, in the mean over u, the paper's bound (eq. 12), and the mean of the density over
// several draws of u its bound by importance weights. The probability of a bin is what
// the layers behind make of it, whatever the noise.
//
//	log|det| = log|det dt'/dt| - dim ln(High - Low)
//
// A number that float32 rounds over the end of its bin is one of the next.
type Dequantization struct {
	Step, Offset []float64 // of each number of the row
	Low, High    float64   // become 0 and 1
	Noise        Layer     // of a row; its builder's context says the bins
	// Places is how many pixels the noise has a context for, line by line; 0 is a
	// context of the row.
	Places int
}

// Normalize is the map.
func (d Dequantization) Normalize(b *Builder, x Value) (z, logdet Value) {
	bin, t := d.bins(b, b.Div(b.Sub(x, d.offset(b)), d.step(b)))
	t, logdet = d.Noise.Normalize(d.noise(b, bin), t)
	z = b.Scale(b.Sub(d.number(b, bin, t), b.Fill(d.Low)), 1/(d.High-d.Low))
	return z, b.Sub(logdet, b.volume(len(d.Step), d.High-d.Low))
}

// Generate is its inverse.
func (d Dequantization) Generate(b *Builder, z Value) (x, logdet Value) {
	y := b.Add(b.Scale(z, d.High-d.Low), b.Fill(d.Low))
	bin, t := d.bins(b, b.Div(b.Sub(y, d.offset(b)), d.step(b)))
	t, logdet = d.Noise.Generate(d.noise(b, bin), t)
	return d.number(b, bin, t), b.Add(logdet, b.volume(len(d.Step), d.High-d.Low))
}

func (d Dequantization) step(b *Builder) Value   { return b.Const(d.Step, len(d.Step)) }
func (d Dequantization) offset(b *Builder) Value { return b.Const(d.Offset, len(d.Offset)) }

// bins are the numbers of the bins at places in units of bins, and where in [-1, 1) of
// each the places are.
func (d Dequantization) bins(b *Builder, place Value) (bin, t Value) {
	bin = b.Floor(place)
	return bin, b.Sub(b.Scale(b.Sub(place, bin), 2), b.Fill(1))
}

// number is where t lies in its bin.
func (d Dequantization) number(b *Builder, bin, t Value) Value {
	place := b.Add(bin, b.Scale(b.Add(t, b.Fill(1)), 0.5))
	return b.Add(b.Mul(place, d.step(b)), d.offset(b))
}

// noise is the builder of the noise: its context are the middles of the bins, with Low
// to High on [-1, 1], behind the context that there is.
func (d Dequantization) noise(b *Builder, bin Value) *Builder {
	middle := d.number(b, bin, b.Fill(0, len(d.Step)))
	context := b.Sub(b.Scale(b.Sub(middle, b.Fill(d.Low)), 2/(d.High-d.Low)), b.Fill(1))
	if d.Places > 0 {
		context = b.Reshape(context, d.Places, len(d.Step)/d.Places)
	}
	if !b.Context.IsZero() {
		before := b.Context
		if d.Places > 0 {
			before = atPlaces(b, before, d.Places)
		}
		context = b.Concat(before, context)
	}
	c := b.Below("noise")
	c.Context = context
	return c
}
