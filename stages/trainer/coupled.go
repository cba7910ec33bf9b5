package trainer

import "context"

// coupled are rows that bring the noise which a coupling gives them.
//
// Examples are paired in portions: portion k has the examples k n to (k+1) n - 1, n
// the number of rows that are paired at a time, which need not be that of a batch. So
// pairs are a function of the number of an example and of nothing else. A cursor is
// that of the portion that the next example lies in, from which a training that goes
// on in the middle of a portion makes all of it again.
//
// Where there is a second worker, the next portion is made while this one is
// trained on.
type coupled struct {
	rows   Rows
	layout Layout // of these
	pair   *pairing
	o      *Options
	end    uint64 // examples of the training

	example uint64 // the next one
	start   Cursor // where no portion is at hand
	now     *couples
	then    *couples
	asked   bool // for then, by a goroutine
	ask     func()
	done    chan struct{}
	ctx     context.Context // the first one of Next; it ends with Close too
	cancel  func()

	transport Transport // of the examples of a step so far
}

// couples are rows that are paired together, a portion.
type couples struct {
	made       bool   // well or not: then err or panicked says so
	first      uint64 // example
	begin, end Cursor
	raw, x1    []float32 // as they came
	fresh      []float32 // noise as drawn
	row        []float32 // with the noise that goes with them
	number     []int64
	index      []int32
	transport  []Transport // of each row
	err        error
	panicked   any
}

// Transport is what a coupling does, summed over rows: the squared distance of data
// from the noise that was drawn with it, and from the noise that goes with it, and the
// squared distance of its conditions from those of the data that its noise was drawn
// with. The last is the drift of labels: where it is not zero, the noise of rows with
// one condition is not distributed as the base that samples with this condition start
// from (the skewed prior of Cheng and Schwing, "The curse of conditions", 2025). A category
// that differs counts 2.
type Transport struct {
	Before float64 `json:"before"`
	After  float64 `json:"after"`
	Drift  float64 `json:"drift"`
}

func (t *Transport) add(u Transport) {
	t.Before, t.After, t.Drift = t.Before+u.Before, t.After+u.After, t.Drift+u.Drift
}

func newCoupled(rows Rows, layout Layout, p *pairing, o *Options) *coupled {
	c := &coupled{rows: rows, layout: layout, pair: p, o: o, end: uint64(o.Steps) * uint64(o.rows()), start: rows.Cursor(),
		done: make(chan struct{}, 1)}
	c.now, c.then = c.portion(), c.portion()
	c.ask = func() {
		defer func() { c.done <- struct{}{} }()
		c.fill(c.then)
	}
	return c
}

// gives is the layout of the rows that Next gives.
func (c *coupled) gives() Layout { return Layout{Dim: c.layout.Dim, Held: c.layout.Held, Noise: true} }

func (c *coupled) portion() *couples {
	n, d := c.pair.rows, c.layout.Dim
	p := &couples{raw: make([]float32, n*c.layout.Width()), fresh: make([]float32, n*d), row: make([]float32, n*c.gives().Width()),
		number: make([]int64, n), index: make([]int32, n), transport: make([]Transport, n)}
	if p.x1 = p.raw; !c.layout.bare() {
		p.x1 = make([]float32, n*d)
	}
	return p
}

// Next implements Rows, for the examples from c.example on.
func (c *coupled) Next(ctx context.Context, x []float32, number []int64) error {
	w := c.gives().Width()
	for len(number) > 0 {
		p, err := c.at(ctx)
		if err != nil {
			return err
		}
		lo := int(c.example - p.first)
		n := copy(number, p.number[lo:])
		copy(x[:n*w], p.row[lo*w:])
		for _, t := range p.transport[lo : lo+n] {
			c.transport.add(t)
		}
		x, number, c.example = x[n*w:], number[n:], c.example+uint64(n)
	}
	return nil
}

// at gives the portion of the next example.
func (c *coupled) at(ctx context.Context) (*couples, error) {
	if c.ctx == nil {
		c.ctx, c.cancel = context.WithCancel(ctx)
	}
	n := uint64(c.pair.rows)
	first := c.example - c.example%n
	if !c.now.made || c.now.first != first {
		c.wait()
		if !c.then.made || c.then.first != first {
			c.then.first = first
			c.fill(c.then)
		}
		c.now, c.then = c.then, c.now
		c.then.made = false
		if next := first + n; c.o.Workers > 1 && next < c.end && c.now.err == nil && c.now.panicked == nil {
			c.then.first, c.asked = next, true
			go c.ask()
		}
	}
	if c.now.panicked != nil {
		panic(c.now.panicked)
	}
	return c.now, c.now.err
}

// fill makes a portion, once: rows that are taken do not come again, so that a portion
// that failed keeps its failure until its turn.
func (c *coupled) fill(p *couples) {
	p.err, p.panicked = nil, nil
	defer func() { p.panicked, p.made = recover(), true }()
	p.begin = c.rows.Cursor()
	if p.err = c.rows.Next(c.ctx, p.raw, p.number); p.err != nil {
		return
	}
	p.end = c.rows.Cursor()
	l, n := c.layout, c.pair.rows
	if !l.bare() {
		l.data(p.x1, p.raw)
	}
	if l.Noise {
		l.noise(p.fresh, p.raw)
	} else {
		initial{c.o.Keys.Source, c.o.Keys.Noise}.Normals32Rows(p.fresh, l.Dim, p.first, n, 0)
	}
	if p.err = c.pair.pair(c.ctx, p.index, p.fresh, p.x1, p.raw, l, func(u []float64) { c.o.Keys.Pairs.UniformRows(u, p.first, 0) }); p.err != nil {
		return
	}
	d, in, from, to := l.Dim, l.Input(), l.Width(), c.gives().Width()
	held := func(r int) []float32 { return p.raw[r*from+d : r*from+in] }
	noise := func(r int) []float32 { return p.fresh[r*d : (r+1)*d] }
	for r := range n {
		j := int(p.index[r])
		row, x1 := p.row[r*to:(r+1)*to], p.x1[r*d:(r+1)*d]
		copy(row, x1)
		copy(row[d:], held(r))
		copy(row[in:], noise(j))
		p.transport[r] = Transport{squares(x1, noise(r)), squares(x1, noise(j)), squares(held(r), held(j))}
	}
}

// wait joins what is asked for.
func (c *coupled) wait() {
	if c.asked {
		<-c.done
		c.asked = false
	}
}

// Cursor implements Rows: it is where the portion of the next example begins.
func (c *coupled) Cursor() Cursor {
	switch {
	case !c.now.made:
		return c.start
	case c.example >= c.now.first+uint64(c.pair.rows):
		return c.now.end
	}
	return c.now.begin
}

// Seek implements Rows.
func (c *coupled) Seek(ctx context.Context, at Cursor) error {
	c.wait()
	c.now.made, c.then.made, c.start = false, false, at
	return c.rows.Seek(ctx, at)
}

// Close ends and joins what is asked for. The rows are another's to close.
func (c *coupled) Close() error {
	if c != nil && c.ctx != nil {
		c.cancel()
		c.wait()
	}
	return nil
}
