package bijection

import "slices"

// Autoregressive changes every number by a Univariate whose parameters are a
// function of the numbers before it (Papamakarios et al. 2017, eqs. 1 to 4):
//
//	z_i = tau(x_i; theta_i(x_j : Rank[j] < Rank[i])),  log|det| = sum ln tau'(x_i)
//
// theta is one network whose weights are masked (MADE, Germain et al. 2015, eqs.
// 8 and 9): a hidden unit of degree m sees numbers of rank below m and units of
// degrees up to m, and the parameters of rank r see units of degrees up to r.
// Masked weights are products that are made once for all rows; units stand in the
// order of their degrees, so that zeros fill whole blocks, which are not multiplied.
//
// Generate takes the ranks one after the other. Units of degree m are computed
// when the numbers of rank below m are known, and never again, so that all d
// passes together cost about one evaluation. MAF is this layer; IAF (Kingma et
// al. 2016) is Reversed of it.
type Autoregressive struct {
	Rank        []int // of each column: a permutation of 0..dim-1
	Function    Univariate
	Conditioner Conditioner
}

// degrees are those of the hidden units of a layer, ascending: all about equally
// often, the lowest more often when it does not come out even. With a context
// there are units that see nothing else, of degree 0.
func (a Autoregressive) degrees(b *Builder, width int) []int {
	low := 1
	if !b.Context.IsZero() {
		low = 0
	}
	kinds := len(a.Rank) - low
	out := make([]int, width)
	for j := range out {
		if width < kinds {
			out[j] = low + j*kinds/width
		} else {
			out[j] = low + j%kinds
		}
	}
	slices.Sort(out)
	return out
}

// alone says whether nothing depends on anything: one column without a context.
func (a Autoregressive) alone(b *Builder) bool { return len(a.Rank) == 1 && b.Context.IsZero() }

// inputs are the ranks of what the network sees: the columns, and the context,
// which comes before all.
func (a Autoregressive) inputs(b *Builder) []int {
	in := slices.Clone(a.Rank)
	if !b.Context.IsZero() {
		for range b.Context.Shape()[0] {
			in = append(in, -1)
		}
	}
	return in
}

// outputs are the ranks of the network's outputs [parameters][columns].
func (a Autoregressive) outputs() []int {
	var out []int
	for range a.Function.Parameters() {
		out = append(out, a.Rank...)
	}
	return out
}

// Normalize is the map, in one pass.
func (a Autoregressive) Normalize(b *Builder, x Value) (z, logdet Value) {
	d, count := len(a.Rank), a.Function.Parameters()
	var h Value
	if a.alone(b) {
		h = b.Param("bias", initZero, count)
	} else {
		h = x
		if !b.Context.IsZero() {
			h = b.Concat(x, b.Context)
		}
		// A unit of degree m sees an input of rank below m: degree rank+1.
		from := a.inputs(b)
		for i := range from {
			from[i]++
		}
		for i := range len(a.Conditioner.Hidden) + 1 {
			last := i == len(a.Conditioner.Hidden)
			var to []int
			if last {
				to = a.outputs()
			} else {
				to = a.degrees(b, a.Conditioner.Hidden[i])
			}
			w, bias := a.Conditioner.weight(b, i, len(to), len(from))
			h = b.Linear(h, b.Mul(w, mask(b, to, from)), bias)
			if !last {
				h = a.Conditioner.Activation(b.Graph, h)
			}
			from = to
		}
	}
	z, l := a.Function.Normalize(b, x, split(b, h, d, count))
	return z, b.Sum(l, 0)
}

// mask is 1 where from <= to and 0 elsewhere: [to, from].
func mask(b *Builder, to, from []int) Value {
	m := make([]float64, 0, len(to)*len(from))
	for _, t := range to {
		for _, f := range from {
			if f <= t {
				m = append(m, 1)
			} else {
				m = append(m, 0)
			}
		}
	}
	return b.Const(m, len(to), len(from))
}

// Generate is the inverse, rank by rank.
func (a Autoregressive) Generate(b *Builder, z Value) (x, logdet Value) {
	d, count := len(a.Rank), a.Function.Parameters()
	column := make([]int, d) // by rank
	for i, r := range a.Rank {
		column[r] = i
	}
	layers := a.growing(b, column)
	columns := make([]Value, d)
	logdet = b.zero()
	for r, at := range column {
		var h Value
		for i, g := range layers {
			units := g.next(b, r)
			if len(units) == 0 {
				continue
			}
			h = g.value
			if i < len(layers)-1 {
				layers[i+1].learn(a.Conditioner.Activation(b.Graph, h), units...)
			}
		}
		if len(layers) == 0 {
			h = b.Param("bias", initZero, count)
		}
		y, l := a.Function.Generate(b, b.Slice(z, at, at+1), split(b, h, 1, count))
		columns[at], logdet = y, b.Add(logdet, b.Sum(l, 0))
		if len(layers) > 0 {
			layers[0].learn(y, int32(at))
		}
	}
	return b.Concat(columns...), logdet
}

// growing are the layers of the network before any rank is known.
func (a Autoregressive) growing(b *Builder, column []int) (layers []*growing) {
	if a.alone(b) {
		return nil
	}
	d, count := len(column), a.Function.Parameters()
	in := len(a.inputs(b))
	for i, width := range append(slices.Clone(a.Conditioner.Hidden), d*count) {
		g := &growing{}
		if i < len(a.Conditioner.Hidden) {
			g.degrees = a.degrees(b, width)
			for j := range width {
				g.rows = append(g.rows, int32(j))
			}
		} else {
			for r, at := range column {
				for p := range count {
					g.degrees, g.rows = append(g.degrees, r), append(g.rows, int32(p*d+at))
				}
			}
		}
		w, bias := a.Conditioner.weight(b, i, width, in)
		g.weight, g.bias = b.Transpose(w), bias
		layers, in = append(layers, g), width
	}
	if !b.Context.IsZero() {
		var places []int32
		for i := range b.Context.Shape()[0] {
			places = append(places, int32(d+i))
		}
		layers[0].learn(b.Context, places...)
	}
	return layers
}
