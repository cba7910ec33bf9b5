package solver

// tile is the scratch memory of the rows that move together. Its first n places
// are in use; a row that leaves gives its place to the last one, so a place says
// nothing about a row.
type tile[T Float] struct {
	n, dim, quads int

	row            []int   // place in the state
	id, gathered   []int64 // number of the row; those of the rows that a slope is computed for
	spent          []int32
	accepted       []int32
	rejected       []int32
	t, end, h, try []float64 // time, end of the step, step (end - t), length of the next step to try
	fresh          []bool    // k[0] is the slope at (t, x)
	verdict        []verdict
	x, y           []T   // [n][dim]: accepted; argument of a stage, then candidate
	k              [][]T // [stages][n][dim]
	q, qy          []float64
	kq             [][]float64
	at             []float64 // [n], times of a stage
	norms          []norm    // [n]
	first          []float64 // [n], h0 of the initial step
	e, e3          []float64 // error of one row
	w              []T       // [stages], weights of one combination
	w64            []float64 // the same in float64
}

// verdict is what became of a step.
type verdict uint8

const (
	accept verdict = iota
	reject         // and try a shorter step
	fail           // not finite, and no shorter step to try
	giveUp         // no shorter step to try
)

// fit makes room for rows places.
func (w *tile[T]) fit(p *problem[T], rows int) {
	w.dim, w.quads = p.state.Dim, p.state.Quads
	w.row, w.id, w.gathered = sized(w.row, rows), sized(w.id, rows), sized(w.gathered, rows)
	w.spent, w.accepted, w.rejected = sized(w.spent, rows), sized(w.accepted, rows), sized(w.rejected, rows)
	w.t, w.end, w.h, w.try = sized(w.t, rows), sized(w.end, rows), sized(w.h, rows), sized(w.try, rows)
	w.fresh, w.verdict, w.norms = sized(w.fresh, rows), sized(w.verdict, rows), sized(w.norms, rows)
	w.at, w.first = sized(w.at, rows), sized(w.first, rows)
	w.x, w.y = sized(w.x, rows*w.dim), sized(w.y, rows*w.dim)
	w.q, w.qy = sized(w.q, rows*w.quads), sized(w.qy, rows*w.quads)
	w.e, w.e3 = sized(w.e, max(w.dim, w.quads)), sized(w.e3, max(w.dim, w.quads))
	w.w, w.w64 = sized(w.w, p.stages), sized(w.w64, p.stages)
	w.k, w.kq = sized(w.k, p.stages), sized(w.kq, p.stages)
	for j := range w.k {
		w.k[j], w.kq[j] = sized(w.k[j], rows*w.dim), sized(w.kq[j], rows*w.quads)
	}
}

func sized[E any](s []E, n int) []E {
	if cap(s) < n {
		return append(make([]E, 0, n), s[:cap(s)]...)[:n]
	}
	return s[:n]
}

// load takes n rows of the state from row number first on.
func (w *tile[T]) load(p *problem[T], first, n int) {
	w.n = n
	copy(w.x, p.state.X[first*w.dim:(first+n)*w.dim])
	copy(w.q, p.state.Q[first*w.quads:(first+n)*w.quads])
	for r := range n {
		w.row[r], w.id[r], w.t[r], w.fresh[r] = first+r, p.state.FirstID+int64(first+r), p.t0, false
		w.spent[r], w.accepted[r], w.rejected[r] = 0, 0, 0
	}
}

// leave writes the row at place r back, with how it ended, and moves what the
// last row of the tile has between steps into the place. Walk the places
// downwards when rows leave.
func (w *tile[T]) leave(p *problem[T], r int, s Status) {
	i, d, k := w.row[r], w.dim, w.quads
	copy(p.state.X[i*d:(i+1)*d], w.x[r*d:(r+1)*d])
	copy(p.state.Q[i*k:(i+1)*k], w.q[r*k:(r+1)*k])
	p.report.Status[i], p.report.Evaluations[i] = s, w.spent[r]
	p.report.Accepted[i], p.report.Rejected[i] = w.accepted[r], w.rejected[r]
	w.n--
	l := w.n
	if r == l {
		return
	}
	copy(w.x[r*d:(r+1)*d], w.x[l*d:(l+1)*d])
	copy(w.k[0][r*d:(r+1)*d], w.k[0][l*d:(l+1)*d])
	copy(w.q[r*k:(r+1)*k], w.q[l*k:(l+1)*k])
	copy(w.kq[0][r*k:(r+1)*k], w.kq[0][l*k:(l+1)*k])
	w.row[r], w.id[r], w.t[r], w.try[r], w.fresh[r] = w.row[l], w.id[l], w.t[l], w.try[l], w.fresh[l]
	w.spent[r], w.accepted[r], w.rejected[r] = w.spent[l], w.accepted[l], w.rejected[l]
}
