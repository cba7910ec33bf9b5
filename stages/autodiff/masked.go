package autodiff

import "github.com/pathline/pathline/stages/internal/kernel/matrix"

// A weight that is multiplied by a constant with zeros in it, as a masked or a
// triangular one is, is known to be zero there. Products with it leave those terms
// out (matrix.Pattern), and so does the sum over rows that is its gradient before
// the same mask is put on it.

// masked gives the constant that node n is multiplied by, or nil.
func (l *lowering) masked(n int) []float64 {
	m := l.g.nodes[l.canon(n)]
	if m.op != opBinary || m.kind != mulOp {
		return nil
	}
	for _, a := range m.args {
		if c := l.g.nodes[l.canon(a)]; c.op == opConst && c.data != nil && len(c.data) == size(m.shape) {
			return c.data
		}
	}
	return nil
}

// pattern is that of the weight for inputs k0..k0+k-1 of a view with n outputs, as
// it is packed: [k][n].
func (l *lowering) pattern(v view, k0, k, n int) *matrix.Pattern {
	mask := l.masked(v.node)
	if mask == nil {
		return nil
	}
	return matrix.NewPattern(k, n, func(i, o int) bool { return mask[v.offset+o*v.out+(k0+i)*v.in] != 0 })
}

// findMasks finds the sums over rows of which only a product with a constant is
// needed.
func (l *lowering) findMasks(live []bool) {
	l.masks = map[int][]float64{}
	for n, on := range live {
		if !on || l.canon(n) != n {
			continue
		}
		mask := l.masked(n)
		if mask == nil {
			continue
		}
		for _, a := range l.g.nodes[n].args {
			if a := l.canon(a); l.g.nodes[a].op == opOuter && l.refs[a] == 1 {
				l.masks[a] = mask
			}
		}
	}
}

// within is the pattern of columns from..from+width-1 of a sum over rows.
func (l *lowering) within(n, from, width int) *matrix.Pattern {
	mask := l.masks[n]
	if mask == nil {
		return nil
	}
	s := l.g.nodes[n].shape
	return matrix.NewPattern(s[0], width, func(i, j int) bool { return mask[i*s[1]+from+j] != 0 })
}
