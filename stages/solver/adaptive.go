package solver

import "context"

// adaptive is the loop of every method that chooses its steps: it moves the rows
// of a tile until there are no more. Every row has its own time and step; what is
// done for all of them is done in loops over the whole tile. A tile that has
// become less than three quarters full takes new rows, so that products stay
// large until the last rows of the state. It returns early with the field's error
// or ctx's and leaves the rows at their last accepted states.
func (p *problem[T]) adaptive(ctx context.Context, w *tile[T]) error {
	for {
		if err := ctx.Err(); err != nil || p.stop.Load() {
			return err
		}
		if from := w.n; 4*from < 3*w.size && p.waiting() && w.take(p) {
			if err := p.start(ctx, w, from); err != nil {
				return err
			}
			continue
		}
		if p.late() {
			for w.leaveAll(p, MaxTime); w.take(p); w.leaveAll(p, MaxTime) {
			}
			return nil
		}
		p.afford(w, p.stages-1, 0)
		p.allow(w)
		if w.n == 0 {
			if p.waiting() {
				continue
			}
			return nil
		}
		if err := p.slopes(ctx, w); err != nil {
			return err
		}
		p.aim(w)
		if err := p.attempt(ctx, w); err != nil {
			return err
		}
		p.judge(w)
		if p.dense != nil {
			if err := p.record(ctx, w); err != nil {
				return err
			}
		}
		if p.Overshoot {
			p.land(w)
		}
		p.settle(w)
	}
}

// eval writes stage j at (at, x) for the rows from place from on.
func (p *problem[T]) eval(ctx context.Context, w *tile[T], j int, at []float64, x []T, from int) error {
	lo, hi, d, q := from, w.n, w.dim, w.quads
	if lo == hi {
		return nil
	}
	var err error
	if p.quad != nil {
		err = p.quad.EvalQuad(ctx, w.k[j][lo*d:hi*d], w.kq[j][lo*q:hi*q], at[lo:hi], x[lo*d:hi*d], w.id[lo:hi], hi-lo)
	} else {
		err = p.field.Eval(ctx, w.k[j][lo*d:hi*d], at[lo:hi], x[lo*d:hi*d], hi-lo)
	}
	if err != nil {
		return err
	}
	if lo == 0 {
		w.spent++
		return nil
	}
	for r := lo; r < hi; r++ {
		w.since[r]--
		w.oldest = min(w.oldest, w.since[r])
	}
	return nil
}

// afford ends the rows from place from on whose budget does not reach for evals
// more evaluations, and one for their slope where that is not known.
func (p *problem[T]) afford(w *tile[T], evals, from int) {
	if w.spent-w.oldest+int64(evals)+1 <= p.limit {
		return
	}
	w.oldest = w.spent
	for r := w.n - 1; r >= 0; r-- {
		need := int64(evals)
		if !w.fresh[r] {
			need++
		}
		if r >= from && w.spent-w.since[r]+need > p.limit {
			w.leave(p, r, MaxEvaluations)
		} else {
			w.oldest = min(w.oldest, w.since[r])
		}
	}
}

// allow ends the rows that have tried as many steps as they may.
func (p *problem[T]) allow(w *tile[T]) {
	if p.MaxSteps == 0 {
		return
	}
	for r := w.n - 1; r >= 0; r-- {
		if w.tries-w.begun[r] >= int64(p.MaxSteps) {
			w.leave(p, r, MaxSteps)
		}
	}
}

// slopes makes k[0] the slope at (t, x) for the rows where it is not.
func (p *problem[T]) slopes(ctx context.Context, w *tile[T]) error {
	if p.fsal { // it is, since start
		return nil
	}
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
		if err := p.eval(ctx, w, 0, w.t, w.x, 0); err != nil {
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
				w.since[r]--
				w.oldest = min(w.oldest, w.since[r])
				i++
			}
		}
	}
	for r := range n {
		w.fresh[r] = true
	}
	return nil
}

// attempt evaluates the stages and makes the candidates y and qy.
func (p *problem[T]) attempt(ctx context.Context, w *tile[T]) error {
	nd, nq := w.n*w.dim, w.n*w.quads
	for j := 1; j < p.stages; j++ {
		w.stageTimes(p.c[j])
		combine(w.y[:nd], w.x[:nd], w.hs, slopesOf(w.args, w.k, p.a[j], 0, nd), p.a[j])
		if err := p.eval(ctx, w, j, w.at, w.y, 0); err != nil {
			return err
		}
	}
	if !p.fsal { // else the last argument is the candidate
		combine(w.y[:nd], w.x[:nd], w.hs, slopesOf(w.args, w.k, p.b, 0, nd), p.b)
	}
	if p.quad != nil {
		hq := w.hq
		if w.quads == 1 {
			hq = w.h
		}
		combine(w.qy[:nq], w.q[:nq], hq, slopesOf(w.argsq, w.kq, p.b, 0, nq), p.b)
	}
	return nil
}
