package solver

import "context"

// fixed takes tile after tile along the grid. The rows of a tile share their time
// and their step: a stage is one operation on the whole tile, what is counted is
// counted once, and a row is looked at only when something is not finite.
func (p *problem[T]) fixed(ctx context.Context, w *tile[T]) error {
	for w.take(p) {
		w.dropBad(p, w.x, w.q, 0)
		if err := p.march(ctx, w); err != nil || p.stop.Load() {
			return err
		}
	}
	return nil
}

// march moves the rows of a tile to the end of the grid, or leaves them where an
// error found them.
func (p *problem[T]) march(ctx context.Context, w *tile[T]) error {
	t, fresh := p.t0, false
	for i, end := range p.grid {
		if err := ctx.Err(); err != nil || p.stop.Load() {
			return err
		}
		need := int64(p.stages)
		if fresh {
			need--
		}
		if w.spent+need > p.limit {
			w.leaveAll(p, MaxEvaluations)
		}
		if p.late() {
			w.leaveAll(p, MaxTime)
		}
		if w.n == 0 {
			return nil
		}
		if !fresh {
			if err := p.eval(ctx, w, 0, w.moment(t), w.x, 0); err != nil {
				return err
			}
		}
		if err := p.disturb(ctx, w, t, end, i); err != nil {
			return err
		}
		if err := p.stride(ctx, w, t, end); err != nil {
			return err
		}
		if p.dense != nil {
			w.mark(t, end)
			if err := p.record(ctx, w); err != nil {
				return err
			}
		}
		p.advance(w, t, end)
		t, fresh = end, p.fsal
	}
	w.leaveAll(p, OK)
	return nil
}

// stride evaluates the stages of a step from t to end and makes the candidates y
// and qy.
func (p *problem[T]) stride(ctx context.Context, w *tile[T], t, end float64) error {
	h, nd, nq := end-t, w.n*w.dim, w.n*w.quads
	for j := 1; j < p.stages; j++ {
		combineUniform(w.y[:nd], w.x[:nd], h, slopesOf(w.args, w.k, p.a[j], 0, nd), p.a[j], w.round, w.coef)
		p.shake(w)
		if err := p.eval(ctx, w, j, w.moment(stageTime(t, end, h, p.c[j])), w.y, 0); err != nil {
			return err
		}
	}
	if !p.fsal { // else the last argument is the candidate
		combineUniform(w.y[:nd], w.x[:nd], h, slopesOf(w.args, w.k, p.b, 0, nd), p.b, w.round, w.coef)
		p.shake(w)
	}
	if p.quad != nil {
		combineUniform(w.qy[:nq], w.q[:nq], h, slopesOf(w.argsq, w.kq, p.b, 0, nq), p.b, w.round, w.coef)
	}
	return nil
}

// mark sets what record asks of a step.
func (w *tile[T]) mark(t, end float64) {
	d, q := w.dim, w.quads
	for r := range w.n {
		w.t[r], w.end[r], w.h[r], w.verdict[r] = t, end, end-t, fail
		if finiteRow(w.y[r*d:(r+1)*d]) && finiteRow(w.qy[r*q:(r+1)*q]) {
			w.verdict[r] = accept
		}
	}
}

// advance accepts whatever is finite.
func (p *problem[T]) advance(w *tile[T], t, end float64) {
	w.tries++
	d, q := w.dim, w.quads
	clean := finite(w.y[:w.n*d]) && finite(w.qy[:w.n*q])
	if clean && p.Observe == nil {
		w.swap(p)
		return
	}
	for r := range w.n {
		w.verdict[r] = accept
		if !finiteRow(w.y[r*d:(r+1)*d]) || !finiteRow(w.qy[r*q:(r+1)*q]) {
			w.verdict[r] = fail
			w.begun[r]++ // the step is neither accepted nor rejected
		}
		if p.Observe != nil {
			p.Observe(Attempt{w.id[r], t, end - t, 0, w.verdict[r] == accept})
		}
	}
	w.swap(p)
	for r := w.n - 1; r >= 0; r-- {
		if w.verdict[r] == fail {
			w.restore(p, r)
			w.leave(p, r, NonFinite)
		}
	}
}

// moment is at, filled with t for all rows.
func (w *tile[T]) moment(t float64) []float64 {
	if w.filled < w.n || w.now != t {
		for r := range w.at[:w.n] {
			w.at[r] = t
		}
		w.now, w.filled = t, w.n
	}
	return w.at
}

func (w *tile[T]) leaveAll(p *problem[T], s Status) {
	for w.n > 0 {
		w.leave(p, w.n-1, s)
	}
}
