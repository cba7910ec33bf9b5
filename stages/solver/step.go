package solver

import (
	"context"
	"math"
)

// run is the loop of every method: it moves the rows of a tile until the tile
// is empty. It returns early with the field's error or ctx's and leaves the
// rows at their last accepted states.
func (p *problem[T]) run(ctx context.Context, w *tile[T]) error {
	w.dropBad(p, w.x, w.q)
	if p.grid == nil {
		if err := p.start(ctx, w); err != nil {
			return err
		}
	}
	for step := 0; w.n > 0; step++ {
		if err := ctx.Err(); err != nil || p.stop.Load() {
			return err
		}
		p.afford(w, p.stages-1)
		if err := p.slopes(ctx, w); err != nil {
			return err
		}
		p.aim(w, step)
		if err := p.attempt(ctx, w); err != nil {
			return err
		}
		if p.grid != nil {
			p.judgeFixed(w)
		} else {
			p.judge(w)
		}
		p.settle(w)
	}
	return nil
}

// eval writes stage j at (at, x).
func (p *problem[T]) eval(ctx context.Context, w *tile[T], j int, at []float64, x []T) (err error) {
	n := w.n
	if n == 0 {
		return nil
	}
	if p.quad != nil {
		err = p.quad.EvalQuad(ctx, w.k[j][:n*w.dim], w.kq[j][:n*w.quads], at[:n], x[:n*w.dim], w.id[:n], n)
	} else {
		err = p.field.Eval(ctx, w.k[j][:n*w.dim], at[:n], x[:n*w.dim], n)
	}
	if err != nil {
		return err
	}
	for r := range n {
		w.spent[r]++
	}
	return nil
}

// afford ends the rows whose budget does not reach for evals more evaluations,
// and one for their slope where that is not known.
func (p *problem[T]) afford(w *tile[T], evals int) {
	for r := w.n - 1; r >= 0; r-- {
		need := int64(evals)
		if !w.fresh[r] {
			need++
		}
		if int64(w.spent[r])+need > int64(p.limit) {
			w.leave(p, r, MaxEvaluations)
		}
	}
}

// slopes makes k[0] the slope at (t, x) for the rows where it is not.
func (p *problem[T]) slopes(ctx context.Context, w *tile[T]) error {
	stale, n, d, q := 0, w.n, w.dim, w.quads
	for r := range n {
		if !w.fresh[r] {
			stale++
		}
	}
	switch stale {
	case 0:
		return nil
	case n:
		if err := p.eval(ctx, w, 0, w.t, w.x); err != nil {
			return err
		}
	default:
		// Some rows were rejected, or they would all be stale: gather the others.
		i := 0
		for r := range n {
			if !w.fresh[r] {
				w.at[i], w.gathered[i] = w.t[r], w.id[r]
				copy(w.y[i*d:(i+1)*d], w.x[r*d:(r+1)*d])
				i++
			}
		}
		var err error
		if p.quad != nil {
			err = p.quad.EvalQuad(ctx, w.k[1][:i*d], w.kq[1][:i*q], w.at[:i], w.y[:i*d], w.gathered[:i], i)
		} else {
			err = p.field.Eval(ctx, w.k[1][:i*d], w.at[:i], w.y[:i*d], i)
		}
		if err != nil {
			return err
		}
		i = 0
		for r := range n {
			if !w.fresh[r] {
				copy(w.k[0][r*d:(r+1)*d], w.k[1][i*d:(i+1)*d])
				copy(w.kq[0][r*q:(r+1)*q], w.kq[1][i*q:(i+1)*q])
				w.spent[r]++
				i++
			}
		}
	}
	for r := range n {
		w.fresh[r] = true
	}
	return nil
}

// aim sets the end of the step of every row.
func (p *problem[T]) aim(w *tile[T], step int) {
	for r := range w.n {
		if p.grid != nil {
			w.end[r] = p.grid[step]
		} else {
			w.end[r] = p.reach(w.t[r], w.try[r])
		}
		w.h[r] = w.end[r] - w.t[r]
	}
}

// reach is the time a step of length h leads to from t: t1 when it would lead
// past it, or so near that no step would be left.
func (p *problem[T]) reach(t, h float64) float64 {
	if p.MaxStep > 0 {
		h = min(h, p.MaxStep)
	}
	end := t + p.dir*max(h, p.shortest(t))
	if p.dir*(p.t1-end) <= p.shortest(p.t1) {
		return p.t1
	}
	return end
}

// shortest is the least step that moves the time from t.
func (p *problem[T]) shortest(t float64) float64 {
	t = math.Abs(t)
	return max(4*(math.Nextafter(t, math.Inf(1))-t), p.least)
}

// attempt evaluates the stages and makes the candidates y and qy.
func (p *problem[T]) attempt(ctx context.Context, w *tile[T]) error {
	n, d := w.n, w.dim
	for j := 1; j < p.stages; j++ {
		for r := range n {
			w.at[r] = stageTime(w.t[r], w.end[r], w.h[r], p.c[j])
			combine(w.y, w.x, w.k, p.a[j], w.h[r], r, d, w.w)
		}
		if err := p.eval(ctx, w, j, w.at, w.y); err != nil {
			return err
		}
	}
	for r := range n {
		if !p.fsal { // else the last argument is the candidate
			combine(w.y, w.x, w.k, p.b, w.h[r], r, d, w.w)
		}
		if p.quad != nil {
			combine(w.qy, w.q, w.kq, p.b, w.h[r], r, w.quads, w.w64)
		}
	}
	return nil
}

// stageTime is t + c h, within the step whatever the rounding.
func stageTime(t, end, h, c float64) float64 {
	if c == 1 {
		return end
	}
	return min(max(t+c*h, min(t, end)), max(t, end))
}

// settle moves the accepted rows on and lets go of those that have ended.
func (p *problem[T]) settle(w *tile[T]) {
	n, d, q, last := w.n, w.dim, w.quads, p.stages-1
	accepted := 0
	for r := range n {
		if w.verdict[r] == accept {
			w.t[r], w.fresh[r] = w.end[r], p.fsal
			w.accepted[r]++
			accepted++
		}
	}
	if accepted == n {
		w.x, w.y = w.y, w.x
		w.q, w.qy = w.qy, w.q
		if p.fsal {
			w.k[0], w.k[last] = w.k[last], w.k[0]
			w.kq[0], w.kq[last] = w.kq[last], w.kq[0]
		}
	} else {
		for r := range n {
			if w.verdict[r] != accept {
				continue
			}
			copy(w.x[r*d:(r+1)*d], w.y[r*d:(r+1)*d])
			copy(w.q[r*q:(r+1)*q], w.qy[r*q:(r+1)*q])
			if p.fsal {
				copy(w.k[0][r*d:(r+1)*d], w.k[last][r*d:(r+1)*d])
				copy(w.kq[0][r*q:(r+1)*q], w.kq[last][r*q:(r+1)*q])
			}
		}
	}
	for r := n - 1; r >= 0; r-- {
		switch {
		case w.verdict[r] == fail:
			w.leave(p, r, NonFinite)
		case w.verdict[r] == giveUp:
			w.leave(p, r, StepUnderflow)
		case w.t[r] == p.t1:
			w.leave(p, r, OK)
		}
	}
}
