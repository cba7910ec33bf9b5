package solver

import "math"

// judge accepts or rejects the attempted steps and sets the next ones.
func (p *problem[T]) judge(w *tile[T]) {
	p.estimate(w)
	clean := p.examine(w)
	rows, two := p.pool(w), p.err3.stage != nil
	for r := range w.n {
		e := w.norms[r].ratio(rows, w.dim, w.quads, two)
		if !clean && (p.pooled || w.verdict[r] == fail) {
			e = math.NaN() // it says nothing
		}
		if e <= 1 {
			w.verdict[r] = accept
			w.try[r] = math.Abs(w.h[r]) * p.factor(e, 1)
		} else {
			p.refuse(w, r, e, clean)
		}
		if p.Observe != nil {
			p.Observe(Attempt{w.id[r], w.t[r], w.h[r], e, w.verdict[r] == accept})
		}
	}
}

// refuse rejects the attempt of the row at place r. There is no shorter step when
// the next one would lead to the same end: near a power of two the shortest one is
// rounded up.
func (p *problem[T]) refuse(w *tile[T], r int, e float64, clean bool) {
	w.rejected[r]++
	h := math.Abs(w.h[r])
	w.try[r] = h * p.factor(e, 0.2)
	switch {
	case p.reach(w.t[r], w.try[r]) != w.end[r]:
		w.verdict[r] = reject
	case clean:
		w.verdict[r] = giveUp
	case p.pooled && w.verdict[r] == giveUp:
		// With one step for all rows: others have no shorter step, and this one goes
		// on without them.
		w.verdict[r], w.try[r] = reject, h
	}
}

// examine says whether all that the attempt made is finite. Where it is not it
// sets the verdicts that hold if there is no shorter step: fail for the rows that
// have such numbers, giveUp for the others.
func (p *problem[T]) examine(w *tile[T]) (clean bool) {
	n, d, q, last := w.n, w.dim, w.quads, p.stages-1
	clean = finite(w.y[:n*d]) && finite(w.qy[:n*q])
	if p.fsal {
		clean = clean && finite(w.k[last][:n*d]) && finite(w.kq[last][:n*q])
	}
	for r := range n {
		clean = clean && !w.norms[r].nan()
	}
	if clean {
		return true
	}
	for r := range n {
		ok := finiteRow(w.y[r*d:(r+1)*d]) && finiteRow(w.qy[r*q:(r+1)*q]) && !w.norms[r].nan()
		if p.fsal {
			ok = ok && finiteRow(w.k[last][r*d:(r+1)*d]) && finiteRow(w.kq[last][r*q:(r+1)*q])
		}
		w.verdict[r] = fail
		if ok {
			w.verdict[r] = giveUp
		}
	}
	return false
}

// factor is the change of the step after an error e: at least least, at most 10.
func (p *problem[T]) factor(e, least float64) float64 {
	switch {
	case e == 0:
		return 10
	case math.IsNaN(e):
		return least
	}
	return min(10, max(0.9*math.Pow(e, -1/p.order), least))
}
