package matrix

// Span is the numbers Lo..Hi-1.
type Span struct{ Lo, Hi int }

// with is the least span that holds both.
func (s Span) with(t Span) Span { return Span{min(s.Lo, t.Lo), max(s.Hi, t.Hi)} }

// Pattern says where a matrix may be other than zero: between the first and the last
// such element of each row, and of each column. Products leave out what it says is
// zero, as far as it comes in whole panels: the triangular weights of an
// autoregressive network cost little more than half.
//
// What is left out are terms 0 a, so that a sum has the same bits as with them, but
// for the sign of a zero, and for infinities and NaN in A, which do not spread.
type Pattern struct {
	rows    []Span // of each column, at least one
	columns []Span // of each row, at least one
}

// NewPattern is the pattern of a matrix [m][n], or nil when nothing can be left out.
func NewPattern(m, n int, nonzero func(i, j int) bool) *Pattern {
	p := &Pattern{make([]Span, n), make([]Span, m)}
	whole := true
	for i := range m {
		for j := range n {
			if !nonzero(i, j) {
				whole = false
				continue
			}
			for _, at := range []struct {
				span *Span
				k    int
			}{{&p.rows[j], i}, {&p.columns[i], j}} {
				if at.span.Hi == 0 {
					*at.span = Span{at.k, at.k + 1}
				} else {
					*at.span = at.span.with(Span{at.k, at.k + 1})
				}
			}
		}
	}
	if whole {
		return nil
	}
	for _, spans := range [][]Span{p.rows, p.columns} {
		for i := range spans {
			spans[i].Hi = max(spans[i].Hi, 1)
		}
	}
	return p
}

// union is the least span that holds those of from..from+width-1, as far as there are
// so many.
func union(spans []Span, from, width int) Span {
	s := spans[from]
	for _, t := range spans[from+1 : min(from+width, len(spans))] {
		s = s.with(t)
	}
	return s
}

// ofRow is the columns of row i that may be other than zero, of n.
func (p *Pattern) ofRow(i, n int) Span {
	if p == nil {
		return Span{0, n}
	}
	return p.columns[i]
}

// inRows is the columns that may be other than zero in any of rows from..from+width-1.
func (p *Pattern) inRows(from, width, n int) Span {
	if p == nil {
		return Span{0, n}
	}
	return union(p.columns, from, width)
}

// inColumns is the rows that may be other than zero in any of columns
// from..from+width-1, of m.
func (p *Pattern) inColumns(from, width, m int) Span {
	if p == nil {
		return Span{0, m}
	}
	return union(p.rows, from, width)
}
