package bijection

// Coupling leaves the numbers of Keep as they are and changes the others, each
// by a Univariate whose parameters are a function of those kept (Dinh et al.
// 2014, section 3.2; 2017, section 3.2):
//
//	z_a = x_a,  z_b = tau(x_b; theta(x_a)),  log|det| = sum ln tau'(x_b)
//
// The inverse costs as much as the map. theta is any network, with the output
// [parameters][numbers], the first axis slowest.
//
// x may be [..., columns]: then a column is a channel, of an image for instance.
type Coupling struct {
	Keep        []bool // per column; at least one of each
	Function    Univariate
	Conditioner Conditioning
}

// Conditioning is a network that gives the parameters of a Univariate.
type Conditioning interface {
	// parameters builds count parameters [..., n] of the numbers h [..., width]
	// and the context.
	parameters(b *Builder, h Value, n, count int) []Value
}

// Normalize is the map.
func (c Coupling) Normalize(b *Builder, x Value) (z, logdet Value) {
	return c.apply(b, x, c.Function.Normalize)
}

// Generate is its inverse.
func (c Coupling) Generate(b *Builder, z Value) (x, logdet Value) {
	return c.apply(b, z, c.Function.Generate)
}

func (c Coupling) apply(b *Builder, x Value, f func(*Builder, Value, []Value) (Value, Value)) (y, logdet Value) {
	var kept, changed []int32
	for i, k := range c.Keep {
		if k {
			kept = append(kept, int32(i))
		} else {
			changed = append(changed, int32(i))
		}
	}
	back := make([]int32, len(c.Keep)) // where a column lies in the join of kept and changed
	for i, k := range append(kept[:len(kept):len(kept)], changed...) {
		back[k] = int32(i)
	}
	a := b.Gather(x, kept)
	p := c.Conditioner.parameters(b, a, len(changed), c.Function.Parameters())
	y, d := f(b, b.Gather(x, changed), p)
	return b.Gather(b.Concat(a, y), back), b.SumAll(d)
}
