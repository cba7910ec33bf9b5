package solver

// tile is the scratch memory of the rows that move together. Its first n places
// are in use; a row that leaves gives its place to the last one, so a place says
// nothing about a row.
type tile[T Float] struct {
	n, size, dim, quads int
	still               int // columns at the end of dim that are held

	row          []int   // place in the state
	id, gathered []int64 // number of the row; those of the rows that a slope is computed for

	// What is counted for all rows at once, and where the counts stood when a row
	// came: a row has had spent - since evaluations and tries - begun steps.
	spent, tries int64
	since, begun []int64
	rejected     []int32
	oldest       int64 // not above any since

	t, end, h, try []float64 // time, end of the step, step (end - t), length of the next step to try
	past           []float32 // logarithm of the squared error of the last accepted step, 0 before it
	older          []float32 // the one before past
	changed        []float32 // of the length of the step, next over last
	held           []bool    // the last attempt was rejected
	fresh          []bool    // k[0] is the slope at (t, x)
	verdict        []verdict
	x, y           []T   // [n][dim]: accepted; argument of a stage, then candidate
	k              [][]T // [stages][n][dim]
	q, qy          []float64
	kq             [][]float64
	hs             []T       // [n][dim], h
	hq             []float64 // [n][quads], h; with one quadrature it is h
	at             []float64 // [n], times of a stage
	now            float64   // value of the first filled places of at, with fixed steps
	filled         int
	norms          []norm    // [n]
	first          []float64 // [n], h0 of the initial step, then squared errors
	e              []float64 // [n][max(dim, quads)], errors
	args           [][]T     // [stages], slopes of one combination
	argsq          [][]float64
	round          []float32 // [stages], weights of one combination
	coef           []float64
	between        between[T]
	dw             []T // [n][dim], noise of a step
}

// verdict is what became of a step.
type verdict uint8

const (
	accept verdict = iota
	reject         // and try a shorter step
	fail           // not finite, and no shorter step to try
	giveUp         // no shorter step to try
)

// fit makes room for size rows and forgets all rows.
func (w *tile[T]) fit(p *problem[T], size int) {
	w.n, w.size, w.dim, w.quads, w.filled = 0, size, p.state.Dim, p.state.Quads, 0
	w.still = p.state.Held
	w.row, w.id, w.gathered = sized(w.row, size), sized(w.id, size), sized(w.gathered, size)
	w.since, w.begun, w.rejected = sized(w.since, size), sized(w.begun, size), sized(w.rejected, size)
	w.t, w.end, w.h, w.try = sized(w.t, size), sized(w.end, size), sized(w.h, size), sized(w.try, size)
	w.fresh, w.verdict, w.norms = sized(w.fresh, size), sized(w.verdict, size), sized(w.norms, size)
	w.at, w.first, w.past = sized(w.at, size), sized(w.first, size), sized(w.past, size)
	w.held, w.changed, w.older = sized(w.held, size), sized(w.changed, size), sized(w.older, size)
	w.x, w.y, w.hs = sized(w.x, size*w.dim), sized(w.y, size*w.dim), sized(w.hs, size*w.dim)
	w.q, w.qy, w.hq = sized(w.q, size*w.quads), sized(w.qy, size*w.quads), sized(w.hq, size*w.quads)
	w.e = sized(w.e, size*max(w.dim, w.quads))
	w.args, w.argsq = sized(w.args, p.stages), sized(w.argsq, p.stages)
	w.round, w.coef = sized(w.round, p.stages), sized(w.coef, p.stages)
	w.k, w.kq = sized(w.k, p.stages), sized(w.kq, p.stages)
	if p.dense != nil {
		w.between.fit(p, size, w.dim)
	}
	if p.noise != nil {
		w.dw = sized(w.dw, size*w.dim)
	}
	if p.Overshoot {
		w.between.w = sized(w.between.w, p.stages)
	}
	for j := range w.k {
		w.k[j], w.kq[j] = sized(w.k[j], size*w.dim), sized(w.kq[j], size*w.quads)
	}
}

func sized[E any](s []E, n int) []E {
	if cap(s) < n {
		return append(make([]E, 0, n), s[:cap(s)]...)[:n]
	}
	return s[:n]
}

// take fills the tile up with rows that no tile has yet and says whether there
// were any.
func (w *tile[T]) take(p *problem[T]) bool {
	free := w.size - w.n
	first := int(p.next.Add(int64(free))) - free
	n, d, q := min(free, p.state.Rows-first), w.dim, w.quads
	if n <= 0 {
		return false
	}
	if w.n == 0 {
		w.spent, w.tries, w.oldest = 0, 0, 0
	}
	copy(w.x[w.n*d:], p.state.X[first*d:(first+n)*d])
	copy(w.q[w.n*q:], p.state.Q[first*q:(first+n)*q])
	for i := range n {
		r := w.n + i
		w.row[r], w.id[r], w.t[r], w.fresh[r] = first+i, p.state.FirstID+int64(first+i), p.t0, false
		w.since[r], w.begun[r], w.rejected[r] = w.spent, w.tries, 0
		w.past[r], w.older[r], w.held[r] = 0, 0, false
		if p.dense != nil {
			w.between.next[r], w.between.spent[r] = 0, 0
			w.arrive(p, r, p.t0, w.x[r*d:(r+1)*d])
		}
	}
	w.n += n
	return true
}

// leave writes the row at place r back, with how it ended, and moves what the
// last row of the tile has between steps into the place. Walk the places
// downwards when rows leave.
func (w *tile[T]) leave(p *problem[T], r int, s Status) {
	i, d, k := w.row[r], w.dim, w.quads
	copy(p.state.X[i*d:(i+1)*d], w.x[r*d:(r+1)*d])
	copy(p.state.Q[i*k:(i+1)*k], w.q[r*k:(r+1)*k])
	p.report.Status[i], p.report.Evaluations[i] = s, int32(w.spent-w.since[r])
	if p.dense != nil {
		p.report.Evaluations[i] += w.between.spent[r]
		w.arrive(p, r, p.t1, w.x[r*d:(r+1)*d])
	}
	p.report.Accepted[i], p.report.Rejected[i] = int32(w.tries-w.begun[r])-w.rejected[r], w.rejected[r]
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
	w.since[r], w.begun[r], w.rejected[r] = w.since[l], w.begun[l], w.rejected[l]
	w.past[r], w.older[r], w.held[r] = w.past[l], w.older[l], w.held[l]
	if p.dense != nil {
		w.between.next[r], w.between.spent[r] = w.between.next[l], w.between.spent[l]
	}
}

// dropBad ends the rows from place from on where x or q is not finite.
func (w *tile[T]) dropBad(p *problem[T], x []T, q []float64, from int) {
	d, k := w.dim, w.quads
	if finite(x[from*d:w.n*d]) && finite(q[from*k:w.n*k]) {
		return
	}
	for r := w.n - 1; r >= from; r-- {
		if !finiteRow(x[r*d:(r+1)*d]) || !finiteRow(q[r*k:(r+1)*k]) {
			w.leave(p, r, NonFinite)
		}
	}
}
