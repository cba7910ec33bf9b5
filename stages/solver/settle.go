package solver

// settle moves the accepted rows on and lets go of those that have ended. Where
// all or nearly all are accepted, exchanging the memory of the states and putting
// the others back is less work than copying.
func (p *problem[T]) settle(w *tile[T]) {
	w.swap(p)
	w.tries++
	for r := w.n - 1; r >= 0; r-- {
		if w.verdict[r] == accept {
			w.t[r] = w.end[r]
			w.fresh[r] = p.fsal
			if w.t[r] == p.t1 {
				w.leave(p, r, OK)
			}
			continue
		}
		w.restore(p, r)
		switch w.verdict[r] {
		case fail:
			w.leave(p, r, NonFinite)
		case giveUp:
			w.leave(p, r, StepUnderflow)
		}
	}
}

// swap makes the candidates the states, and their slopes where they are known
// the first of the next step.
func (w *tile[T]) swap(p *problem[T]) {
	w.x, w.y = w.y, w.x
	w.q, w.qy = w.qy, w.q
	if last := p.stages - 1; p.fsal {
		w.k[0], w.k[last] = w.k[last], w.k[0]
		w.kq[0], w.kq[last] = w.kq[last], w.kq[0]
	}
}

// restore undoes swap for the row at place r.
func (w *tile[T]) restore(p *problem[T], r int) {
	d, q := w.dim, w.quads
	copy(w.x[r*d:(r+1)*d], w.y[r*d:(r+1)*d])
	copy(w.q[r*q:(r+1)*q], w.qy[r*q:(r+1)*q])
	if last := p.stages - 1; p.fsal {
		copy(w.k[0][r*d:(r+1)*d], w.k[last][r*d:(r+1)*d])
		copy(w.kq[0][r*q:(r+1)*q], w.kq[last][r*q:(r+1)*q])
	}
}
