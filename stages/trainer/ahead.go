package trainer

import "github.com/pathline/pathline/stages/path"

// ahead asks a distant path for the coefficients of batches to come, of many in
// one call and while others are trained on: their times are a function of their
// numbers, and coefficients one of the times, so that nothing depends on when
// they are asked for.
type ahead struct {
	x       *examples
	batches int64 // of the next portion
	end     int64 // batches of the training
	now     *portion
	then    *portion      // is being asked for, when asked is not nil
	asked   chan struct{} // closed when it has come
}

// portion is the batches from..to-1, one after the other.
type portion struct {
	from, to int64
	t        []float64
	coef     []path.Coef
	err      error
	panicked any // of the path, for the goroutine that takes the portion
}

// A call asks for about so many times: for few at first, which a training waits
// for, then for more and more, so that what a call costs (a millisecond in Python)
// does not count.
const (
	firstTimes = 1 << 13
	aheadTimes = 1 << 17
)

func newAhead(x *examples) *ahead {
	a := &ahead{x: x, batches: int64(max(1, firstTimes/x.o.Batch)), end: x.o.Steps * int64(x.o.parts())}
	a.now, a.then = &portion{}, &portion{}
	return a
}

// batch gives the times and coefficients of a batch, by its number in the
// training.
func (a *ahead) batch(q int64) ([]float64, []path.Coef, error) {
	if q < a.now.from || q >= a.now.to {
		a.wait()
		if a.then.from != q || a.then.to <= q {
			a.then.from, a.then.to = q, min(q+a.batches, max(a.end, q+1))
			a.ask(a.then)
		}
		a.now, a.then = a.then, a.now
		if a.now.panicked != nil {
			panic(a.now.panicked)
		}
		if a.now.err != nil {
			return nil, nil, a.now.err
		}
		a.batches = min(4*a.batches, max(1, int64(aheadTimes/a.x.o.Batch)))
		if p := a.then; a.now.to < a.end {
			p.from, p.to = a.now.to, min(a.now.to+a.batches, a.end)
			asked := make(chan struct{})
			a.asked = asked
			go func() {
				defer close(asked)
				a.ask(p)
			}()
		} else {
			p.from, p.to = 0, 0
		}
	}
	size := int64(a.x.o.Batch)
	lo, hi := (q-a.now.from)*size, (q-a.now.from+1)*size
	return a.now.t[lo:hi], a.now.coef[lo:hi], nil
}

// ask fills a portion.
func (a *ahead) ask(p *portion) {
	size := int64(a.x.o.Batch)
	n := (p.to - p.from) * size
	if int64(cap(p.t)) < n {
		p.t, p.coef = make([]float64, n), make([]path.Coef, n)
	}
	p.t, p.coef = p.t[:n], p.coef[:n]
	for q := p.from; q < p.to; q++ {
		parts := int64(a.x.o.parts())
		a.x.draws(p.t[(q-p.from)*size:(q-p.from+1)*size], uint64(q*size), int(q%parts*size))
	}
	defer func() { p.panicked = recover() }()
	p.err = a.x.o.Path.Coefficients(p.coef, p.t)
}

// wait joins what is asked for.
func (a *ahead) wait() {
	if a != nil && a.asked != nil {
		<-a.asked
		a.asked = nil
	}
}
