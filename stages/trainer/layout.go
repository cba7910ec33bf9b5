package trainer

import "slices"

// Layout says of what parts a training row is made, which lie side by side:
//
//	x1 [Dim] | conditions [Held] | x0 [Dim], where rows bring their own noise
//
// The data x1 is what a flow learns to make. Conditions are held: the network
// gets them behind x_t and says nothing about them, their target is zero and
// they are no part of the loss. Rows with noise are pairs that were made
// elsewhere, as those of a reflow; others get theirs from the base.
type Layout struct {
	Dim   int  // columns of x1, and of the noise
	Held  int  // columns of the conditions
	Noise bool // the row has its x0
}

// Width is the number of columns of a row.
func (l Layout) Width() int {
	if l.Noise {
		return 2*l.Dim + l.Held
	}
	return l.Dim + l.Held
}

// Input is the number of columns of what a network gets: x_t and the conditions.
func (l Layout) Input() int { return l.Dim + l.Held }

// bare says that rows are x1 alone, and so need not be taken apart.
func (l Layout) bare() bool { return l.Held == 0 && !l.Noise }

// data copies x1 [n][Dim] from rows [n][Width].
func (l Layout) data(x1, rows []float32) { l.part(x1, rows, 0, l.Dim) }

// noise copies x0 [n][Dim] from rows [n][Width].
func (l Layout) noise(x0, rows []float32) { l.part(x0, rows, l.Input(), l.Dim) }

// part copies the columns from..from+size-1.
func (l Layout) part(dst, rows []float32, from, size int) {
	w := l.Width()
	for i := range len(rows) / w {
		copy(dst[i*size:(i+1)*size], rows[i*w+from:])
	}
}

// input writes what a network gets, in [n][Input], of x_t [n][Dim] and the
// conditions in rows [n][Width].
func (l Layout) input(in, xt, rows []float32) {
	w, d, in1 := l.Width(), l.Dim, l.Input()
	for i := range len(rows) / w {
		r := in[i*in1 : (i+1)*in1]
		copy(r[:d], xt[i*d:])
		copy(r[d:], rows[i*w+d:])
	}
}

// wanted writes what a network is to say, want [n][Input], of the target
// [n][Dim]: zero for the conditions.
func (l Layout) wanted(want, target []float32, n int) {
	d, in := l.Dim, l.Input()
	for i := range n {
		r := want[i*in : (i+1)*in]
		copy(r[:d], target[i*d:])
		clear(r[d:])
	}
}

// bareRows are x1 of rows, copied only where rows have more than that.
func (l Layout) bareRows(rows []float32) []float32 {
	if l.bare() {
		return rows
	}
	x1 := slices.Repeat([]float32{0}, len(rows)/l.Width()*l.Dim)
	l.data(x1, rows)
	return x1
}
