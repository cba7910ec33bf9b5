package solver

// recall are the slopes of the steps that an adaptive solve accepted, so that its way
// can be gone again without evaluating the field. They are kept while they are few, all
// of them or none: what is evaluated again has the same bits.
type recall[T Float] struct {
	slopes []T       // [steps, as they were accepted][stages that are needed][dim]
	at     [][]int32 // per row of the state, where each of its steps begins in slopes
	whole  bool      // nothing is missing
}

// recalledValues bounds the memory of recall, as keptValues does that of arguments.
const recalledValues = keptValues

// watch makes the problem write down slopes.
func (c *course[T]) watch() {
	if c.p.Overshoot { // a step that was cut short has other stages
		return
	}
	c.recall.slopes = make([]T, 0, recalledValues)
	c.p.accepted = func(w *tile[T], r int) {
		s := &c.recall
		d := w.dim
		if len(s.slopes)+c.used*d > cap(s.slopes) {
			s.whole = false
		}
		if !s.whole {
			return
		}
		row := w.row[r]
		s.at[row] = append(s.at[row], int32(len(s.slopes)))
		for j := range c.used {
			if c.needed[j] {
				s.slopes = append(s.slopes, w.k[j][r*d:(r+1)*d]...)
			}
		}
	}
}

// forget makes room for rows and drops what was written down.
func (s *recall[T]) forget(rows int) {
	s.slopes, s.whole = s.slopes[:0], cap(s.slopes) > 0
	s.at = sized(s.at, rows)
	for r := range s.at {
		if s.at[r] == nil {
			s.at[r] = make([]int32, 0, usualSteps)
		}
		s.at[r] = s.at[r][:0]
	}
}

// remember writes the slopes of step i of the rows that take it, and says whether they
// are known.
func (c *course[T]) remember(i int) bool {
	s, d := &c.recall, c.dim
	if !s.whole {
		return false
	}
	for r, row := range c.order[:c.n] {
		from := int(s.at[row][i])
		for j := range c.used {
			if c.needed[j] {
				copy(c.k[j][r*d:(r+1)*d], s.slopes[from:])
				from += d
			}
		}
	}
	return true
}
