package trainer

import (
	"context"

	"github.com/pathline/pathline/stages/path"
)

// examples makes what a network is trained on, one batch at a time: next takes
// the rows, which come in pairs with noise where there is a coupling; fill does the
// rest for the few rows of a tile, and several tiles may be filled at the same time.
type examples struct {
	o      *Options
	rows   Rows
	noise  normals
	layout Layout
	lo, hi float64 // where the path is differentiable
	crew   *crew

	// The batch at hand. Example i of it has the number first+i and stands at
	// place+i among the examples of its step.
	first  uint64
	place  int
	number []int64

	table   indexed      // rows are copied tile by tile; nil when row has them
	row     []float32    // [batch][width]
	x1      []float32    // [batch][dim], where a distant path asks for them; row, when that is bare
	fresh   []float32    // [batch][dim], the noise of the rows, likewise
	t       []float64    // of the whole batch for a distant path, else empty
	coef    []path.Coef  // likewise
	ahead   *ahead       // of a distant path that is affine, else nil
	curved  path.Sampler // of a path that is not affine, else nil
	xt, ut  []float32    // [batch][dim], what a distant one gave
	draw    func(int)    // examples.drawBlock, made once
	coupled *coupled     // rows, where there is a coupling; else nil
}

// normals draws noise: row r of dst [rows][dim] is standard normal and depends
// on first+r and step alone.
type normals interface {
	Normals32Rows(dst []float32, dim int, first uint64, rows int, step uint32)
}

// indexed are rows that are told apart by numbers first and copied later.
type indexed interface {
	numbers(number []int64) // Next without the rows
	// gather copies rows of the last numbers, from place lo on; safe for concurrent use.
	gather(x []float32, number []int64, lo int)
}

func newExamples(o *Options, rows Rows, layout Layout, c *crew) *examples {
	x := &examples{o: o, rows: rows, noise: initial{o.Keys.Source, o.Keys.Noise}, layout: layout, crew: c, number: make([]int64, o.Batch)}
	if p := newPairing(o.Coupling, o.Batch); p != nil {
		x.coupled = newCoupled(rows, layout, p, o)
		rows, layout = x.coupled, x.coupled.gives()
		x.rows, x.layout = rows, layout
	}
	x.lo, x.hi = path.Interior(o.Path)
	x.table, _ = rows.(indexed)
	x.curved, _ = path.SamplerOf(o.Path)
	size := o.Batch * layout.Dim
	if path.Distant(o.Path) {
		x.t = make([]float64, o.Batch)
		if x.curved == nil {
			x.ahead = newAhead(x)
		} else {
			x.xt, x.ut = make([]float32, size), make([]float32, size)
		}
	}
	if x.xt != nil {
		x.fresh, x.draw = make([]float32, size), x.drawBlock
	}
	if x.table == nil || x.draw != nil {
		x.row = make([]float32, o.Batch*layout.Width())
	}
	if x.x1 = x.row; x.draw != nil && !layout.bare() {
		x.x1 = make([]float32, size)
	}
	return x
}

// next goes to batch number part of a step.
func (x *examples) next(ctx context.Context, step int64, part int) error {
	x.place = part * x.o.Batch
	x.first = uint64(step)*uint64(x.o.rows()) + uint64(x.place)
	if x.coupled != nil {
		x.coupled.example = x.first
	}
	if x.table != nil {
		x.table.numbers(x.number)
	} else if err := x.rows.Next(ctx, x.row, x.number); err != nil {
		return err
	}
	var err error
	switch {
	case x.ahead != nil:
		x.t, x.coef, err = x.ahead.batch(step*int64(x.o.parts()) + int64(part))
	case len(x.t) > 0:
		err = x.times(x.t, x.coef, 0)
	}
	if err != nil {
		return err
	}
	if x.draw == nil {
		return nil
	}
	x.crew.run((x.o.Batch+tileRows-1)/tileRows, x.draw)
	return x.curved.Sample(x.xt, x.ut, x.fresh, x.x1, x.t, x.o.Batch, x.layout.Dim)
}

// drawBlock makes what a distant path needs of a block of rows.
func (x *examples) drawBlock(b int) {
	lo, hi, d, w := b*tileRows, min((b+1)*tileRows, x.o.Batch), x.layout.Dim, x.layout.Width()
	rows, fresh := x.row[lo*w:hi*w], x.fresh[lo*d:hi*d]
	if x.table != nil {
		x.table.gather(rows, x.number[lo:hi], lo)
	}
	if !x.layout.bare() {
		x.layout.data(x.x1[lo*d:hi*d], rows)
	}
	if x.layout.Noise {
		x.layout.noise(fresh, rows)
	} else {
		x.noise.Normals32Rows(fresh, d, x.first+uint64(lo), hi-lo, 0)
	}
}

// times draws the times of examples lo, lo+1, ... of the batch, with the
// coefficients of a path that is affine.
func (x *examples) times(t []float64, coef []path.Coef, lo int) error {
	x.draws(t, x.first+uint64(lo), x.place+lo)
	if x.curved != nil {
		return nil
	}
	return x.o.Path.Coefficients(coef, t)
}

// draws draws the times of examples first, first+1, ..., which stand at place
// among those of their step, inside of the path's interior.
func (x *examples) draws(t []float64, first uint64, place int) {
	x.o.Time.Times(t, x.o.Keys.Time, first, place, x.o.rows())
	for i, v := range t {
		if v < x.lo {
			t[i] = x.lo
		} else if v > x.hi {
			t[i] = x.hi
		}
	}
}

// tileRows is how many rows at most go through a step together: their
// coefficients, noise and x_t stay in the cache until the network has seen them.
const tileRows = 256

// tile is a few examples of a batch.
type tile struct {
	t          []float64   // [rows]
	coef       []path.Coef // [rows]
	row        []float32   // [rows][width], as they came
	x1, x0, e  []float32   // [rows][dim]; e, the second noise, is empty where there is none
	xt, target []float32   // [rows][dim]
	in, want   []float32   // [rows][input], for the network: xt and target, where nothing is held
	weight     []float32   // [rows], of the loss; empty where all weigh 1

	second []float32 // memory of e, once it is needed
	drop   []float64 // [rows], what conditions are dropped by, where they are
}

func newTile(rows int, l Layout) *tile {
	n := rows * l.Dim
	s := &tile{t: make([]float64, rows), coef: make([]path.Coef, rows), row: make([]float32, rows*l.Width()), x0: make([]float32, n),
		xt: make([]float32, n), target: make([]float32, n)}
	if !l.bare() {
		s.x1 = make([]float32, n)
	}
	if l.Held > 0 {
		s.in, s.want = make([]float32, rows*l.Input()), make([]float32, rows*l.Input())
	}
	return s
}

// fill makes examples lo..hi-1 of the batch at hand, at most as many as the
// tile was made for.
func (x *examples) fill(s *tile, lo, hi int) error {
	d, w, rows := x.layout.Dim, x.layout.Width(), hi-lo
	n, first := rows*d, x.first+uint64(lo)
	if x.xt != nil { // the path gave all of it
		s.t, s.row, s.x1, s.xt, s.target = x.t[lo:hi], x.row[lo*w:hi*w], x.x1[lo*d:hi*d], x.xt[lo*d:hi*d], x.ut[lo*d:hi*d]
		x.hold(s, lo, hi)
		return nil
	}
	s.x0, s.xt, s.target = s.x0[:n], s.xt[:n], s.target[:n]
	if len(x.t) > 0 {
		s.t, s.coef = x.t[lo:hi], x.coef[lo:hi]
	} else {
		s.t, s.coef = s.t[:rows], s.coef[:rows]
		if err := x.times(s.t, s.coef, lo); err != nil {
			return err
		}
	}
	if x.row != nil {
		s.row = x.row[lo*w : hi*w]
	} else {
		s.row = s.row[:rows*w]
		x.table.gather(s.row, x.number[lo:hi], lo)
	}
	switch {
	case x.layout.bare():
		s.x1 = s.row
	case x.draw != nil:
		s.x1 = x.x1[lo*d : hi*d]
	default:
		s.x1 = s.x1[:n]
		x.layout.data(s.x1, s.row)
	}
	switch {
	case x.layout.Noise:
		x.layout.noise(s.x0, s.row)
	default:
		x.noise.Normals32Rows(s.x0, d, first, rows, 0)
	}
	if err := x.interpolate(s, first, rows); err != nil {
		return err
	}
	x.hold(s, lo, hi)
	return nil
}

// interpolate makes x_t and the target.
func (x *examples) interpolate(s *tile, first uint64, rows int) error {
	d := x.layout.Dim
	if x.curved != nil {
		return x.curved.Sample(s.xt, s.target, s.x0, s.x1, s.t, rows, d)
	}
	s.e = nil
	if gamma(s.coef) {
		if cap(s.second) < rows*d {
			s.second = make([]float32, cap(s.xt))
		}
		s.e = s.second[:rows*d]
		x.o.Keys.Bridge.Normals32Rows(s.e, d, first, rows, 0)
	}
	if x.o.Target == path.Velocity { // both in one pass
		path.Interpolate(s.xt, s.target, s.coef, s.x0, s.x1, s.e, rows, d)
		return nil
	}
	path.Interpolate(s.xt, nil, s.coef, s.x0, s.x1, s.e, rows, d)
	x.o.Target.Write(s.target, s.coef, s.x0, s.x1, s.e, rows, d)
	return nil
}

// hold puts the conditions of examples lo..hi-1 behind x_t, where they are not
// dropped.
func (x *examples) hold(s *tile, lo, hi int) {
	if x.layout.Held == 0 {
		s.in, s.want = s.xt, s.target
		return
	}
	n := (hi - lo) * x.layout.Input()
	s.in, s.want = s.in[:n], s.want[:n]
	x.layout.input(s.in, s.xt, s.row)
	x.layout.wanted(s.want, s.target, hi-lo)
	if x.o.Drop == 0 {
		return
	}
	d, in := x.layout.Dim, x.layout.Input()
	if cap(s.drop) < hi-lo {
		s.drop = make([]float64, tileRows)
	}
	s.drop = s.drop[:hi-lo]
	x.o.Keys.Drop.UniformRows(s.drop, x.first+uint64(lo), 0)
	for i, u := range s.drop {
		if u < x.o.Drop {
			clear(s.in[i*in+d : (i+1)*in])
		}
	}
}

// weigh gives the weights of the examples in a tile.
func (x *examples) weigh(s *tile) []float32 {
	if cap(s.weight) < len(s.t) {
		s.weight = make([]float32, tileRows)
	}
	s.weight = s.weight[:len(s.t)]
	for i, c := range s.coef[:len(s.t)] {
		s.weight[i] = float32(x.o.Weight(c, x.o.Target))
	}
	return s.weight
}

// gamma says whether a second noise is needed.
func gamma(c []path.Coef) bool {
	for i := range c {
		if c[i].Gamma != 0 || c[i].DGamma != 0 {
			return true
		}
	}
	return false
}
