package solver

import (
	"math"

	"github.com/pathline/pathline/stages/internal/kernel/vector"
)

// The controller of one step for all rows is that of torchdiffeq: after an error e
// a step is 0.9 e^(-1/order) times as long, at least 0.2 and at most 10 times, and
// no shorter after an accepted one.
//
// A row with a step of its own has the PI controller of Gustafsson (1991) with the
// coefficients of Hairer's DOPRI5 (Hairer, Wanner 1996, IV.2), scaled to the order:
//
//	0.9 e^(-0.85/order) past^(0.2/order),   past the error of the last accepted step
//
// after an accepted step, and as above after a rejected one: what [Controller] calls
// I = 0.65, P = 0.2. It does not grow right
// after a rejection, and by half at most once the row has had one: where a field
// has kinks (SELU, ReLU), whoever grows fast steps over the next one and does not
// see it in the estimate. See the measurements in
// docs/decisions/012-step-control.md.
//
// Whatever the controller, a row's change is at least 0.2 and at most 10, and that of
// one step for all rows at least 1 after an accepted step.
const (
	safety      = 0.9
	leastChange = 0.2
	mostChange  = 10
	wary        = 1.5 // most growth of a row that has had rejections
	present     = 0.85
	history     = 0.2
)

// leastPast bounds the memory of the controller, log e²: a step with hardly any
// error says nothing about the next.
var (
	logSafety = float32(math.Log(safety))
	leastPast = float32(2 * math.Log(1e-4))
)

// Controller says how the length of the next step follows from the errors of the
// last accepted ones, in units of the tolerance (Söderlind, "Digital filters in
// adaptive time-stepping", 2003, in the terms of diffrax):
//
//	0.9 e^(-(P+I+D)/order) past^((P+2D)/order) pastpast^(-D/order)
//
// After a rejected step it is 0.9 e^(-1/order). The zero value is the usual
// controller: I = 0.65, P = 0.2 for rows with steps of their own, I = 1 for one step
// for all rows.
type Controller struct{ P, I, D float64 }

// controller sets the exponents.
func (p *problem[T]) controller() {
	half := 0.5 / p.order
	c := p.Options.Controller
	now, past := present, history
	if c != (Controller{}) {
		now, past = c.P+c.I+c.D, c.P+2*c.D
	} else if p.pooled {
		now, past = 1, 0
	}
	p.present, p.history, p.older, p.alone = float32(now*half), float32(past*half), float32(c.D*half), float32(half)
	p.elementary = p.pooled && c == Controller{}
}

// judge accepts or rejects the attempted steps and sets the next ones.
func (p *problem[T]) judge(w *tile[T]) {
	p.estimate(w)
	clean := p.examine(w)
	rows, two := p.pool(w), p.err3.stage != nil
	for r := range w.n {
		w.first[r] = w.norms[r].square(rows, w.dim-w.still, w.quads, two)
		if !clean && (p.pooled || w.verdict[r] == fail) {
			w.first[r] = math.NaN() // it says nothing
		}
	}
	if !p.elementary {
		p.changes(w)
	}
	for r := range w.n {
		e := w.first[r]
		if e <= 1 {
			w.verdict[r] = accept
			w.try[r] = math.Abs(w.h[r]) * p.change(w, r, e, 1)
		} else {
			p.refuse(w, r, e, clean)
		}
		w.held[r] = w.verdict[r] != accept
		if p.accepted != nil && w.verdict[r] == accept {
			p.accepted(w, r)
		}
		if p.Observe != nil {
			p.Observe(Attempt{w.id[r], w.t[r], w.h[r], math.Sqrt(e), w.verdict[r] == accept})
		}
	}
}

// refuse rejects the attempt of the row at place r. There is no shorter step when
// the next one would lead to the same end: near a power of two the shortest one is
// rounded up.
func (p *problem[T]) refuse(w *tile[T], r int, e float64, clean bool) {
	w.rejected[r]++
	h := math.Abs(w.h[r])
	w.try[r] = h * p.change(w, r, e, leastChange)
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

// changes sets the changes of the steps of rows with steps of their own, from the
// squared errors in first. Logarithms and powers are taken for the whole tile: a
// change is a float32, and no result is less exact for it.
func (p *problem[T]) changes(w *tile[T]) {
	n := w.n
	f, past, held, rejected := w.changed[:n], w.past[:n], w.held[:n], w.rejected[:n]
	for r, e := range w.first[:n] {
		f[r] = float32(e)
	}
	vector.Log(f, f)
	for r, l := range f {
		if !(l <= 0) { // or not a number
			f[r] = logSafety - p.alone*l
			continue
		}
		f[r] = logSafety - p.present*l + p.history*past[r]
		if p.older != 0 {
			f[r] -= p.older * w.older[r]
			w.older[r] = past[r]
		}
		past[r] = max(l, leastPast)
	}
	vector.Exp(f, f)
	for r, v := range f {
		most := float32(mostChange)
		if held[r] {
			most = 1
		} else if rejected[r] > 0 {
			most = wary
		}
		if !(v > leastChange) {
			v = leastChange
		}
		f[r] = min(v, most)
	}
}

// change is the change of the step of the row at place r after the squared error
// e; with one step for all rows at least least.
func (p *problem[T]) change(w *tile[T], r int, e, least float64) float64 {
	switch {
	case !p.elementary && p.pooled:
		return max(float64(w.changed[r]), least)
	case !p.elementary:
		return float64(w.changed[r])
	case e == 0:
		return mostChange
	case math.IsNaN(e):
		return least
	}
	return min(mostChange, max(safety*math.Pow(math.Sqrt(e), -1/p.order), least))
}
