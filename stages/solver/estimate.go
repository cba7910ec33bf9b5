package solver

import "math"

// norm are sums of squares, in units of the tolerance, over the coordinates and
// over the quadratures of one row or of many.
type norm struct{ x, x3, q, q3 float64 } // x3, q3 of the second error row

func (a *norm) add(b norm) { a.x, a.x3, a.q, a.q3 = a.x+b.x, a.x3+b.x3, a.q+b.q, a.q3+b.q3 }

// square is the mean square of the coordinates or of the quadratures, whichever is
// larger.
func (a norm) square(rows, dim, quads int, two bool) float64 {
	s := meanSquare(a.x, a.x3, float64(rows*dim), two)
	if quads > 0 {
		s = max(s, meanSquare(a.q, a.q3, float64(rows*quads), two))
	}
	return s
}

// ratio is the root of square.
func (a norm) ratio(rows, dim, quads int) float64 {
	return math.Sqrt(a.square(rows, dim, quads, false))
}

// meanSquare is s / n or, with two error rows, s² / ((s + 0.01 s3) n), the square
// of e5² / sqrt(e5² + 0.01 e3²) of Hairer II.10 with root mean squares for norms.
func meanSquare(s, s3, n float64, two bool) float64 {
	if !two || s == 0 {
		return s / n
	}
	return s / (s + 0.01*s3) * (s / n)
}

// pool leaves norms as they are, or with one step for all rows puts their sum in
// every place. Either way square takes them with the number of rows that is
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

// estimate sets the norms to those of the error estimates.
func (p *problem[T]) estimate(w *tile[T]) {
	nd, nq, d, q := w.n*w.dim, w.n*w.quads, w.dim, w.quads
	norms, h, e := w.norms[:w.n], w.h, w.e
	total(e[:nd], slopesOf(w.args, w.k, p.err, 0, nd), p.err.coef)
	scale(e[:nd], h, w.x, w.y, d, p.Rtol, p.Atol)
	for r := range norms {
		norms[r] = norm{x: sum(e, r, d)}
	}
	if p.err3.stage != nil {
		total(e[:nd], slopesOf(w.args, w.k, p.err3, 0, nd), p.err3.coef)
		scale(e[:nd], h, w.x, w.y, d, p.Rtol, p.Atol)
		for r := range norms {
			norms[r].x3 = sum(e, r, d)
		}
	}
	if q == 0 {
		return
	}
	total(e[:nq], slopesOf(w.argsq, w.kq, p.err, 0, nq), p.err.coef)
	scale(e[:nq], h, w.q, w.qy, q, p.Rtol, p.Atol)
	for r := range norms {
		norms[r].q = sum(e, r, q)
	}
	if p.err3.stage != nil {
		total(e[:nq], slopesOf(w.argsq, w.kq, p.err3, 0, nq), p.err3.coef)
		scale(e[:nq], h, w.q, w.qy, q, p.Rtol, p.Atol)
		for r := range norms {
			norms[r].q3 = sum(e, r, q)
		}
	}
}

// scale makes e [rows][d] the squares of h e / (atol + rtol max(|x|, |y|)), h
// one per row.
func scale[F Float](e, h []float64, x, y []F, d int, rtol, atol float64) {
	x, y = x[:len(e)], y[:len(e)]
	if d == 1 {
		h = h[:len(e)]
		for i, v := range e {
			if v != 0 { // or a zero tolerance would make it NaN
				v = h[i] * v / (atol + rtol*max(math.Abs(float64(x[i])), math.Abs(float64(y[i]))))
				e[i] = v * v
			}
		}
		return
	}
	for i, r := 0, 0; i < len(e); r++ {
		h := h[r]
		for end := i + d; i < end; i++ {
			if v := e[i]; v != 0 {
				v = h * v / (atol + rtol*max(math.Abs(float64(x[i])), math.Abs(float64(y[i]))))
				e[i] = v * v
			}
		}
	}
}

// sum is the sum of row r of e [rows][d].
func sum(e []float64, r, d int) (s float64) {
	if d == 2 {
		return e[2*r] + e[2*r+1]
	}
	for _, v := range e[r*d : (r+1)*d] {
		s += v
	}
	return s
}

func (a norm) nan() bool {
	s := a.x + a.x3 + a.q + a.q3
	return s != s
}
