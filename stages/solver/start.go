package solver

import (
	"context"
	"math"
)

// start evaluates the first slopes and chooses the first steps (Hairer I, II.4,
// algorithm on page 169): with weighted norms d0 = |x|, d1 = |f|,
//
//	h0 = 0.01 d0/d1,  d2 = |f(t0 + h0, x + h0 f) - f| / h0
//	h1 = (0.01 / max(d1, d2))^(1/order),  h = min(100 h0, h1)
//
// The probe stays within the interval. The rows from place from on begin.
func (p *problem[T]) start(ctx context.Context, w *tile[T], from int) error {
	w.dropBad(p, w.x, w.q, from)
	p.afford(w, 1, from)
	if err := p.eval(ctx, w, 0, w.t, w.x, from); err != nil {
		return err
	}
	w.dropBad(p, w.k[0], w.kq[0], from)
	rtol, atol, d, q := p.Rtol, p.Atol, w.dim, w.quads
	for r := from; r < w.n; r++ {
		w.fresh[r] = true
		x, y := w.x[r*d:(r+1)*d-w.still], w.q[r*q:(r+1)*q]
		w.norms[r] = norm{x: scaled(x, nil, x, x, rtol, atol), q: scaled(y, nil, y, y, rtol, atol)}
	}
	rows := p.pool(w)
	for r := from; r < w.n; r++ {
		w.first[r] = w.norms[r].ratio(rows, d-w.still, q)
	}
	for r := from; r < w.n; r++ {
		x, y := w.x[r*d:(r+1)*d], w.q[r*q:(r+1)*q]
		w.norms[r] = norm{x: scaled(w.k[0][r*d:(r+1)*d], nil, x, x, rtol, atol), q: scaled(w.kq[0][r*q:(r+1)*q], nil, y, y, rtol, atol)}
	}
	rows = p.pool(w)
	for r := from; r < w.n; r++ {
		d0, d1 := w.first[r], w.norms[r].ratio(rows, d-w.still, q)
		h0 := 1e-6
		if d0 >= 1e-5 && d1 >= 1e-5 {
			h0 = 0.01 * d0 / d1
		}
		w.end[r] = p.reach(p.t0, h0)
		w.h[r] = w.end[r] - p.t0
		w.first[r], w.try[r] = math.Abs(w.h[r]), d1
	}
	w.spread(from)
	lo, hi := from*d, w.n*d
	combine(w.y[lo:hi], w.x[lo:hi], w.hs[lo:hi], slopesOf(w.args, w.k, p.euler, lo, hi), p.euler)
	if err := p.eval(ctx, w, 1, w.end, w.y, from); err != nil {
		return err
	}
	for r := from; r < w.n; r++ {
		x, y := w.x[r*d:(r+1)*d], w.q[r*q:(r+1)*q]
		w.norms[r] = norm{
			x: scaled(w.k[1][r*d:(r+1)*d], w.k[0][r*d:(r+1)*d], x, x, rtol, atol),
			q: scaled(w.kq[1][r*q:(r+1)*q], w.kq[0][r*q:(r+1)*q], y, y, rtol, atol),
		}
	}
	rows = p.pool(w)
	for r := from; r < w.n; r++ {
		h0, d1 := w.first[r], w.try[r]
		d2 := w.norms[r].ratio(rows, d-w.still, q) / h0
		h1 := max(1e-6, h0*1e-3)
		// A probe that is not finite leaves d2 useless: begin with the short step.
		if m := max(d1, d2); m > 1e-15 && !math.IsInf(m, 0) && !math.IsNaN(m) {
			h1 = math.Pow(0.01/m, 1/p.order)
		}
		w.try[r] = min(100*h0, h1)
	}
	return nil
}

// scaled is the sum over i of ((v - minus) / (atol + rtol max(|x|, |y|)))².
func scaled[F Float](v, minus, x, y []F, rtol, atol float64) (s float64) {
	for c := range v {
		e := float64(v[c])
		if minus != nil {
			e -= float64(minus[c])
		}
		if e != 0 { // or a zero scale would make it NaN
			e /= atol + rtol*max(math.Abs(float64(x[c])), math.Abs(float64(y[c])))
			s += e * e
		}
	}
	return s
}
