package solver

import "math"

// aim sets the end of the step of every row.
func (p *problem[T]) aim(w *tile[T]) {
	for r := range w.n {
		end := p.reach(w.t[r], w.try[r])
		w.end[r], w.h[r] = end, end-w.t[r]
	}
	w.spread(0)
}

// spread writes the steps of the rows from place from on once per element.
func (w *tile[T]) spread(from int) {
	h := w.h[from:w.n]
	switch d := w.dim; d {
	case 1:
		hs := w.hs[from:w.n]
		for r, v := range h {
			hs[r] = T(v)
		}
	case 2:
		hs := w.hs[2*from : 2*w.n]
		for r, v := range h {
			s := T(v)
			hs[2*r], hs[2*r+1] = s, s
		}
	default:
		hs := w.hs[from*d : w.n*d]
		for _, v := range h {
			s, row := T(v), hs[:d]
			for i := range row {
				row[i] = s
			}
			hs = hs[d:]
		}
	}
	if q := w.quads; q > 1 {
		hq := w.hq[from*q : w.n*q]
		for _, v := range h {
			for i := range hq[:q] {
				hq[i] = v
			}
			hq = hq[q:]
		}
	}
}

// reach is the time a step of length h leads to from t: t1 when it would lead
// past it, or so near that no step would be left.
func (p *problem[T]) reach(t, h float64) float64 {
	if p.MaxStep > 0 {
		h = min(h, p.MaxStep)
	}
	end := t + p.dir*max(h, p.shortest(t))
	if !p.Overshoot && p.dir*(p.t1-end) <= p.last {
		return p.t1
	}
	return end
}

// shortest is the least step that moves the time from t: four units in its last
// place.
func (p *problem[T]) shortest(t float64) float64 {
	t = math.Abs(t)
	return max(4*(math.Float64frombits(math.Float64bits(t)+1)-t), p.least)
}

// stageTimes sets the times of a stage.
func (w *tile[T]) stageTimes(c float64) {
	at, t, end, h := w.at[:w.n], w.t[:w.n], w.end[:w.n], w.h[:w.n]
	if c == 1 {
		copy(at, end)
		return
	}
	for r := range at {
		at[r] = stageTime(t[r], end[r], h[r], c)
	}
}

// stageTime is t + c h with h = end - t and 0 <= c <= 1. It is within the step
// whatever the rounding: for c < 1 the product is at most the number before h, and
// h is off by at most half of what lies between.
func stageTime(t, end, h, c float64) float64 {
	if c == 1 {
		return end
	}
	return t + float64(c*h)
}
