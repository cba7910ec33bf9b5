package solver

import (
	"context"
	"slices"
)

// course is the way of a tile's rows through the steps of a solve that are known:
// those of a grid, which all rows share, or those that a solve with adaptive steps
// accepted, with times of their own for every row. Rows go in lockstep, all of them
// through their first step, then through their second. The ones with the most steps
// come first, so that those that still move are the first rows.
type course[T Float] struct {
	p      *problem[T] // tableau, direction and ends
	dim    int
	begin  [][]float64 // per row of the state, where each of its steps begins; unused with a grid
	recall recall[T]

	order  []int   // rows of the state, most steps first
	id     []int64 // in that order, as all that follows
	active []int   // per step, how many rows take it

	n          int // rows of the step at hand
	step       float64
	t, end, h  []float64
	at         []float64 // times of a stage
	hs         []T       // [n][dim], h
	k          [][]T     // [stages][rows][dim]
	args       [][]T     // slopes of one combination
	round      []float32
	coef       []float64
	used       int // stages up to the last one that B or a used one needs
	needed     []bool
	rows, most int // rows; steps of the row that has the most
}

// need finds the stages that the end of a step depends on: the last one of a
// method that is first same as last is the first one of the next step.
func (c *course[T]) need(tab *Tableau) {
	c.needed = make([]bool, tab.Stages())
	for j := tab.Stages() - 1; j >= 0; j-- {
		c.needed[j] = tab.B[j] != 0
		for i := j + 1; i < tab.Stages(); i++ {
			c.needed[j] = c.needed[j] || c.needed[i] && tab.A[i][j] != 0
		}
		if c.needed[j] && c.used == 0 {
			c.used = j + 1
		}
	}
}

// record makes the problem write down where accepted steps begin.
func (c *course[T]) record() {
	also := c.p.Observe
	c.p.Observe = func(a Attempt) {
		if a.Accepted {
			r := a.Row - c.p.state.FirstID
			c.begin[r] = append(c.begin[r], a.T)
		}
		if also != nil {
			also(a)
		}
	}
}

// usualSteps is how many steps of a row are written down without more memory.
const usualSteps = 32

// forget makes room for rows and drops what was recorded.
func (c *course[T]) forget(rows int) {
	c.begin = sized(c.begin, rows)
	for r := range c.begin {
		if c.begin[r] == nil {
			c.begin[r] = make([]float64, 0, usualSteps)
		}
		c.begin[r] = c.begin[r][:0]
	}
	c.recall.forget(rows)
}

// plan puts the rows of the state in order.
func (c *course[T]) plan(rows int) {
	c.rows, c.most = rows, len(c.p.grid)
	c.order, c.id, c.active = sized(c.order, rows), sized(c.id, rows), c.active[:0]
	for r := range c.order {
		c.order[r] = r
	}
	if c.p.grid == nil {
		slices.SortStableFunc(c.order, func(a, b int) int { return len(c.begin[b]) - len(c.begin[a]) })
		c.most = len(c.begin[c.order[0]])
		n := rows
		for i := range c.most {
			for len(c.begin[c.order[n-1]]) <= i {
				n--
			}
			c.active = append(c.active, n)
		}
	}
	for i, r := range c.order {
		c.id[i] = c.p.state.FirstID + int64(r)
	}
	d := c.dim
	c.t, c.end, c.h, c.at = sized(c.t, rows), sized(c.end, rows), sized(c.h, rows), sized(c.at, rows)
	c.hs, c.k = sized(c.hs, rows*d), sized(c.k, c.used)
	for j := range c.k {
		c.k[j] = sized(c.k[j], rows*d)
	}
	c.args, c.round, c.coef = sized(c.args, c.p.stages+1), sized(c.round, c.p.stages+1), sized(c.coef, c.p.stages+1)
}

// rowsOf is how many rows take step i.
func (c *course[T]) rowsOf(i int) int {
	if c.p.grid != nil {
		return c.rows
	}
	return c.active[i]
}

// aim goes to step i.
func (c *course[T]) aim(i int) {
	c.n = c.rowsOf(i)
	if g := c.p.grid; g != nil {
		t := c.p.t0
		if i > 0 {
			t = g[i-1]
		}
		c.step = g[i] - t
		for r := range c.n {
			c.t[r], c.end[r], c.h[r] = t, g[i], c.step
		}
		return
	}
	for r, row := range c.order[:c.n] {
		b := c.begin[row]
		c.t[r], c.end[r] = b[i], c.p.t1
		if i+1 < len(b) {
			c.end[r] = b[i+1]
		}
		h := c.end[r] - c.t[r]
		c.h[r] = h
		s := T(h)
		for j := r * c.dim; j < (r+1)*c.dim; j++ {
			c.hs[j] = s
		}
	}
}

// moment are the times of stage j.
func (c *course[T]) moment(j int) []float64 {
	for r := range c.n {
		c.at[r] = stageTime(c.t[r], c.end[r], c.h[r], c.p.c[j])
	}
	return c.at[:c.n]
}

// combine is base + h sum_j coef_j k_j, with the bits of the solve.
func (c *course[T]) combine(dst, base []T, k [][]T, t terms) {
	n := c.n * c.dim
	s := slopesOf(c.args, k, t, 0, n)
	if c.p.grid != nil {
		combineUniform(dst[:n], base[:n], c.step, s, t, c.round, c.coef)
	} else {
		combine(dst[:n], base[:n], c.hs[:n], s, t)
	}
}

// forward takes x through step i, to y. arg are the places of the arguments of the
// stages, which are written, but for those of stages that are not needed. The field is
// evaluated where its slopes are not remembered.
func (c *course[T]) forward(ctx context.Context, f Field[T], i int, y, x []T, arg [][]T) error {
	c.aim(i)
	n, known := c.n*c.dim, c.remember(i)
	for j := range c.used {
		if !c.needed[j] {
			continue
		}
		if j == 0 {
			copy(arg[0][:n], x[:n])
		} else {
			c.combine(arg[j], x, c.k, c.p.a[j])
		}
		if known {
			continue
		}
		if err := f.Eval(ctx, c.k[j][:n], c.moment(j), arg[j][:n], c.n); err != nil {
			return err
		}
	}
	c.combine(y, x, c.k, c.p.b)
	return nil
}

// gather writes rows of the state in the order of the course, scatter back.
func gather[E any](dst, src []E, order []int, d int) {
	for i, r := range order {
		copy(dst[i*d:(i+1)*d], src[r*d:(r+1)*d])
	}
}

func scatter[E any](dst, src []E, order []int, d int) {
	for i, r := range order {
		copy(dst[r*d:(r+1)*d], src[i*d:(i+1)*d])
	}
}
