package solver

import "math"

// norm are sums of squares, in units of the tolerance, over the coordinates and
// over the quadratures of one row or of many.
type norm struct {
	x, x3, q, q3 float64 // x3, q3 of the second error row
	bad          bool    // something is not finite
}

func (a *norm) add(b norm) {
	a.x, a.x3, a.q, a.q3, a.bad = a.x+b.x, a.x3+b.x3, a.q+b.q, a.q3+b.q3, a.bad || b.bad
}

// ratio is the root mean square of the coordinates or of the quadratures,
// whichever is larger.
func (a norm) ratio(rows, dim, quads int, two bool) float64 {
	r := rms(a.x, a.x3, float64(rows*dim), two)
	if quads > 0 {
		r = max(r, rms(a.q, a.q3, float64(rows*quads), two))
	}
	return r
}

// rms is sqrt(s / n) or, with two error rows, s / sqrt((s + 0.01 s3) n), which is
// e5² / sqrt(e5² + 0.01 e3²) of Hairer II.10 with root mean squares for norms.
func rms(s, s3, n float64, two bool) float64 {
	if !two || s == 0 {
		return math.Sqrt(s / n)
	}
	return s / math.Sqrt((s+0.01*s3)*n)
}

// pool leaves norms as they are, or with one step for all rows puts their sum in
// every place. Either way ratio takes them with the number of rows that is
// returned.
func (p *problem[T]) pool(w *tile[T]) (rows int) {
	if !p.pooled {
		return 1
	}
	var all norm
	for _, n := range w.norms[:w.n] {
		all.add(n)
	}
	for r := range w.n {
		w.norms[r] = all
	}
	return w.n
}

// judge accepts or rejects the attempted steps and sets the next ones.
func (p *problem[T]) judge(w *tile[T]) {
	for r := range w.n {
		w.norms[r] = p.errorNorm(w, r)
		w.verdict[r] = giveUp
		if w.norms[r].bad {
			w.verdict[r] = fail
		}
	}
	rows := p.pool(w)
	for r := range w.n {
		bad := w.norms[r].bad
		e := w.norms[r].ratio(rows, w.dim, w.quads, p.err3.stage != nil)
		h := math.Abs(w.h[r])
		switch {
		case !bad && e <= 1:
			w.verdict[r] = accept
			w.try[r] = h * p.factor(e, 1)
		case h > p.shortest(w.t[r]):
			w.verdict[r] = reject
			if bad { // e says nothing then
				e = math.NaN()
			}
			w.try[r] = h * p.factor(e, 0.2)
			w.rejected[r]++
		case bad && w.verdict[r] == giveUp:
			// With one step for all rows: others have no shorter step, and this
			// one goes on without them.
			w.verdict[r], w.try[r] = reject, h
			w.rejected[r]++
		default: // no shorter step: fail or giveUp, as above
			w.rejected[r]++
		}
		if p.Observe != nil {
			p.Observe(Attempt{w.id[r], w.t[r], w.h[r], e, w.verdict[r] == accept})
		}
	}
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

// errorNorm is the error estimate of the row at place r.
func (p *problem[T]) errorNorm(w *tile[T], r int) (n norm) {
	d, q, last := w.dim, w.quads, p.stages-1
	y, qy := w.y[r*d:(r+1)*d], w.qy[r*q:(r+1)*q]
	n.bad = notFinite(y) || notFinite(qy)
	if p.fsal {
		n.bad = n.bad || notFinite(w.k[last][r*d:(r+1)*d]) || notFinite(w.kq[last][r*q:(r+1)*q])
	}
	n.x, n.x3 = estimate(w.k, w.x[r*d:(r+1)*d], y, p.err, p.err3, w.h[r], r, w.e, w.e3, p.Rtol, p.Atol)
	if q > 0 {
		n.q, n.q3 = estimate(w.kq, w.q[r*q:(r+1)*q], qy, p.err, p.err3, w.h[r], r, w.e, w.e3, p.Rtol, p.Atol)
	}
	n.bad = n.bad || math.IsNaN(n.x+n.x3+n.q+n.q3)
	return n
}

// estimate is the sum of squares of the error over its scale, for both error
// rows.
func estimate[F Float](k [][]F, x, y []F, err, err3 terms, h float64, r int, e, e3 []float64, rtol, atol float64) (s, s3 float64) {
	d := len(x)
	e = e[:d]
	sum(e, k, err, h, r, d)
	if err3.stage != nil {
		e3 = e3[:d]
		sum(e3, k, err3, h, r, d)
	}
	for c := range d {
		scale := atol + rtol*max(math.Abs(float64(x[c])), math.Abs(float64(y[c])))
		if e[c] != 0 { // or a zero scale would make it NaN
			s += e[c] / scale * (e[c] / scale)
		}
		if err3.stage != nil && e3[c] != 0 {
			s3 += e3[c] / scale * (e3[c] / scale)
		}
	}
	return s, s3
}

// judgeFixed accepts whatever is finite.
func (p *problem[T]) judgeFixed(w *tile[T]) {
	d, q := w.dim, w.quads
	for r := range w.n {
		w.verdict[r] = accept
		if notFinite(w.y[r*d:(r+1)*d]) || notFinite(w.qy[r*q:(r+1)*q]) {
			w.verdict[r] = fail
		}
		if p.Observe != nil {
			p.Observe(Attempt{w.id[r], w.t[r], w.h[r], 0, w.verdict[r] == accept})
		}
	}
}

// dropBad ends the rows where x or q is not finite.
func (w *tile[T]) dropBad(p *problem[T], x []T, q []float64) {
	d, k := w.dim, w.quads
	for r := w.n - 1; r >= 0; r-- {
		if notFinite(x[r*d:(r+1)*d]) || notFinite(q[r*k:(r+1)*k]) {
			w.leave(p, r, NonFinite)
		}
	}
}

func notFinite[F Float](v []F) bool {
	for _, x := range v {
		if x-x != 0 {
			return true
		}
	}
	return false
}
