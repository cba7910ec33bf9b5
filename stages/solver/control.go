package solver

import "math"

// The controller of one step for all rows is that of torchdiffeq: after an error e
// a step is 0.9 e^(-1/order) times as long, at least 0.2 and at most 10 times, and
// no shorter after an accepted one.
//
// A row with a step of its own has the PI controller of Gustafsson (1991) with the
// coefficients of Hairer's DOPRI5 (Hairer, Wanner 1996, IV.2), scaled to the order:
//
//	0.9 e^(-0.85/order) past^(0.2/order),   past the error of the last accepted step
//
// after an accepted step, and as above after a rejected one. It does not grow right
// after a rejection, and by half at most once the row has had one: where a field
// has kinks (SELU, ReLU), whoever grows fast steps over the next one and does not
// see it in the estimate. See the measurements in
// docs/decisions/010-step-control.md.
const (
	safety      = 0.9
	leastChange = 0.2
	mostChange  = 10
	wary        = 1.5 // most growth of a row that has had rejections
	present     = 0.85
	history     = 0.2
)

// leastPast bounds the memory of the controller: a step with hardly any error says
// nothing about the next.
var (
	logSafety = math.Log(safety)
	leastPast = math.Log(1e-4)
)

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
			w.try[r] = math.Abs(w.h[r]) * p.growth(w, r, e)
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
	w.try[r] = h * p.factor(e, leastChange)
	w.held[r] = true
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

// growth is the change of the step of the row at place r after an accepted one.
func (p *problem[T]) growth(w *tile[T], r int, e float64) float64 {
	if p.pooled {
		return p.factor(e, 1)
	}
	l := math.Log(e)
	f := math.Exp(logSafety - p.present*l + p.history*w.past[r])
	w.past[r] = max(l, leastPast)
	most := float64(mostChange)
	if w.held[r] {
		most = 1
	} else if w.rejected[r] > 0 {
		most = wary
	}
	w.held[r] = false
	return min(most, max(f, leastChange))
}

// factor is the change of the step after an error e, from e alone: at least least,
// at most mostChange.
func (p *problem[T]) factor(e, least float64) float64 {
	switch {
	case e == 0:
		return mostChange
	case math.IsNaN(e):
		return least
	}
	return min(mostChange, max(safety*math.Pow(e, -1/p.order), least))
}
