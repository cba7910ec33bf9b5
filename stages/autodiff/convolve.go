package autodiff

import (
	"slices"

	"github.com/pathline/pathline/stages/internal/kernel/matrix"
)

// window is what an element of a convolution sees: kh x kw places around its own,
// in an image of height x width places, line by line. A tap is one of them. kh and
// kw are odd.
type window struct{ height, width, kh, kw int }

func windowOf(n node) window {
	return window{int(n.index[0]), int(n.index[1]), int(n.index[2]), int(n.index[3])}
}

func (v window) places() int { return v.height * v.width }
func (v window) taps() int   { return v.kh * v.kw }

// each visits what a tap sees: places from, from+1, ... in the sight of to, to+1,
// ..., n of them.
func (v window) each(tap int, visit func(to, from, n int)) {
	di, dj := tap/v.kw-v.kh/2, tap%v.kw-v.kw/2
	lo, hi := max(0, -dj), min(v.width, v.width-dj)
	for i := max(0, -di); i < min(v.height, v.height-di) && lo < hi; i++ {
		visit(i*v.width+lo, (i+di)*v.width+lo+dj, hi-lo)
	}
}

// Conv2D is the correlation of an image x [..., height*width, channels] with
// kernels w [out, kh*kw*channels] (rows, columns, channels, the last fastest),
// zero padded so that its size stays, plus b, whose shape is the last axes of the
// result's and which may be no value: [..., height*width, out],
//
//	y[i, j, o] = b[o] + sum_{di, dj, c} w[o, di, dj, c] x[i + di - kh/2, j + dj - kw/2, c].
//
// kh and kw are odd; w is the same for all rows.
func (g *Graph) Conv2D(x, w, b Value, height, width, kh, kw int) Value {
	if !g.own("conv2d", x, w) || !b.IsZero() && !g.own("conv2d", b) {
		return Value{g, g.dead()}
	}
	s, ws := g.shape(x), g.shape(w)
	if height < 1 || width < 1 || kh < 1 || kw < 1 || kh%2 == 0 || kw%2 == 0 || len(s) < 2 || s[len(s)-2] != height*width {
		return g.fail("conv2d: %s is not an image of %d x %d, or the kernel %d x %d is not odd", g.label(x), height, width, kh, kw)
	}
	if len(ws) != 2 || ws[1] != kh*kw*s[len(s)-1] {
		return g.fail("conv2d: the weight %s does not fit %d x %d kernels of %d channels", g.label(w), kh, kw, s[len(s)-1])
	}
	if c := g.nodes[w.n].class; c == perRow || c == timely {
		return g.fail("conv2d: the weight %s is not the same for all rows", g.label(w))
	}
	if kh == 1 && kw == 1 {
		return g.Linear(x, w, b)
	}
	y := g.convolve(x, w, window{height, width, kh, kw}, false)
	if b.IsZero() {
		return y
	}
	return g.Add(y, b)
}

// convolve is the correlation or, turned, its adjoint for x:
//
//	y[p] = sum_k W_k x[p + k]    or    y[p] = sum_k W_kᵀ x[p - k],    W_k [out, in] at w[:, k in:(k+1) in]
func (g *Graph) convolve(x, w Value, v window, adjoint bool) Value {
	s, ws := g.shape(x), g.shape(w)
	last := len(s) - 1
	out := ws[0]
	if adjoint {
		out = ws[1] / v.taps()
	}
	if g.isFill(x, 0) || g.isFill(w, 0) {
		return g.Fill(0, append(slices.Clone(s[:last]), out)...)
	}
	if g.nodes[x.n].class == perRow {
		n := node{op: opConvolve, shape: append(slices.Clone(s[:last]), out), index: v.index()}
		if adjoint {
			n.j = 1
		}
		return g.add(n, x, w)
	}
	// What rows share is done once: by the operations that there are.
	if !adjoint {
		return g.Linear(g.patches(x, v), w, Value{})
	}
	lead, places := s[:last-1], v.places()
	y := g.Reshape(g.Linear(x, g.Transpose(w), Value{}), append(slices.Clone(lead), places*ws[1])...)
	return g.Reshape(g.Scatter(y, v.order(out), places*out), append(slices.Clone(lead), places, out)...)
}

// kernels is the adjoint of convolve for w: delta[p] ⊗ x[p+k], summed as outer
// does.
func (g *Graph) kernels(delta, x Value, v window, rows bool) Value {
	if g.nodes[delta.n].class != perRow || g.nodes[x.n].class != perRow {
		return g.outer(delta, g.patches(x, v), rows)
	}
	ds, xs := g.shape(delta), g.shape(x)
	shape := []int{ds[len(ds)-1], v.taps() * xs[len(xs)-1]}
	return Value{g, g.node(node{op: opKernels, shape: shape, index: v.index(), args: []int{delta.n, x.n}})}
}

func (v window) index() []int32 {
	return []int32{int32(v.height), int32(v.width), int32(v.kh), int32(v.kw)}
}

// order says which number of an image [places channels] is number i of its patches
// [places taps channels]; -1 is outside.
func (v window) order(channels int) []int32 {
	order := slices.Repeat([]int32{-1}, v.places()*v.taps()*channels)
	for k := range v.taps() {
		v.each(k, func(to, from, n int) {
			for i := range n {
				for c := range channels {
					order[((to+i)*v.taps()+k)*channels+c] = int32((from+i)*channels + c)
				}
			}
		})
	}
	return order
}

// patches are the places that a place sees, side by side: [..., places, taps
// channels].
func (g *Graph) patches(x Value, v window) Value {
	s := g.shape(x)
	last := len(s) - 1
	lead, channels := s[:last-1], s[last]
	flat := g.Reshape(x, append(slices.Clone(lead), v.places()*channels)...)
	return g.Reshape(g.Gather(flat, v.order(channels)), append(slices.Clone(lead), v.places(), v.taps()*channels)...)
}

// convolve64 is the definition for one row; y has out channels.
func (v window) convolve64(y, x, w []float64, out int, adjoint bool) {
	places := v.places()
	in := len(x) / (len(y) / out)
	for l := range len(y) / (places * out) {
		y, x := y[l*places*out:][:places*out], x[l*places*in:][:places*in]
		for k := range v.taps() {
			v.each(k, func(to, from, n int) {
				for i := range n {
					for o := range out {
						for c := range in {
							if adjoint {
								y[(from+i)*out+o] += w[(c*v.taps()+k)*out+o] * x[(to+i)*in+c]
							} else {
								y[(to+i)*out+o] += w[(o*v.taps()+k)*in+c] * x[(from+i)*in+c]
							}
						}
					}
				}
			})
		}
	}
}

// kernels64 adds delta ⊗ x for one row.
func (v window) kernels64(y, delta, x []float64, out int) {
	places := v.places()
	in := len(y) / (out * v.taps())
	for l := range len(delta) / (places * out) {
		for k := range v.taps() {
			v.each(k, func(to, from, n int) {
				for i := range n {
					d, x := delta[(l*places+to+i)*out:][:out], x[(l*places+from+i)*in:][:in]
					for o := range out {
						for c := range in {
							y[(o*v.taps()+k)*in+c] += d[o] * x[c]
						}
					}
				}
			})
		}
	}
}

// convolve is the instruction of a convolution. The planes of an image are its
// places, so what a tap sees of a line is one matrix, and each tap a product that
// is added where it is seen: nothing is copied.
func (l *lowering) convolve(s *list, n int) instruction {
	m := l.g.nodes[n]
	v := windowOf(m)
	i := &convolution{window: v, adjoint: m.j == 1, x: l.rows(m.args[0])}
	w := l.view(m.args[1])
	i.y = l.set(s, n)
	for k := range v.taps() {
		at := w
		at.offset += k * (l.g.nodes[m.args[1]].shape[1] / v.taps()) * w.in
		if i.adjoint {
			at.out, at.in = at.in, at.out
		}
		i.packed = append(i.packed, l.pack(at, 0, i.x.width, i.y.width))
	}
	return i
}

// convolution is y = sum over taps of x, moved, times W_kᵀ.
type convolution struct {
	window
	y, x    buffer
	packed  []int // of each tap
	adjoint bool
}

func (i *convolution) buffers(visit func(buffer, bool)) { visit(i.x, false); visit(i.y, true) }

func (i *convolution) run(m *machine, rows int) {
	y, x := m.block(i.y, rows), m.block(i.x, rows)
	whole := x.plane == rows*x.row && y.plane == rows*y.row
	images := i.y.planes / i.places()
	for l := range images {
		at := l * i.places()
		// The tap in the middle sees every place, and so begins the sum.
		middle := i.taps() / 2
		for t := range i.taps() {
			k := t
			if t == 0 {
				k = middle
			} else if t <= middle {
				k = t - 1
			}
			w := &m.bound.packed[i.packed[k]]
			i.each(k, func(to, from, n int) {
				if i.adjoint {
					to, from = from, to
				}
				dst, src := y.data[(at+to)*y.plane:], x.data[(at+from)*x.plane:]
				if whole {
					matrix.Multiply(dst, y.row, src, x.row, w, n*rows, nil, t > 0)
					return
				}
				for p := range n {
					matrix.Multiply(dst[p*y.plane:], y.row, src[p*x.plane:], x.row, w, rows, nil, t > 0)
				}
			})
		}
	}
}

// kernels adds the sum over rows and places of delta ⊗ x, for each tap.
type kernels struct {
	window
	to       target
	delta, x buffer
}

func (i *kernels) buffers(visit func(buffer, bool)) { visit(i.delta, false); visit(i.x, false) }

func (i *kernels) run(m *machine, rows int) {
	c, delta, x := i.to.data(m), m.block(i.delta, rows), m.block(i.x, rows)
	if c == nil {
		return
	}
	out, in := i.delta.width, i.x.width
	whole := x.plane == rows*x.row && delta.plane == rows*delta.row
	for at := 0; at < i.x.planes; at += i.places() {
		for k := range i.taps() {
			i.each(k, func(to, from, n int) {
				a, b := delta.data[(at+to)*delta.plane:], x.data[(at+from)*x.plane:]
				if whole {
					matrix.AddTransposed(c[k*in:], i.to.ld, a, delta.row, b, x.row, out, in, n*rows)
					return
				}
				for p := range n {
					matrix.AddTransposed(c[k*in:], i.to.ld, a[p*delta.plane:], delta.row, b[p*x.plane:], x.row, out, in, rows)
				}
			})
		}
	}
}
