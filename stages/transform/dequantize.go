package transform

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/random"
)

// DequantizeConfig is the configuration of transform/dequantize.
type DequantizeConfig struct {
	Steps map[string]float64 `yaml:"steps" json:"steps,omitempty" doc:"distance between neighbouring values, by column, 0 for a column that is continuous; of a column that is not named and holds whole numbers only it is the greatest common divisor of the differences between training values, and any other column is left as it is" min:"0"`
}

// Dequantize spreads the values of discrete columns over their bins: a value x of
// a column whose values are step apart becomes
//
//	z = x + step u,    u ~ U[0, 1),    log|det dz/dx| = 0
//
// (Uria, Murray and Larochelle 2013, section 5; Theis, van den Oord and Bethge
// 2016, section 3.1.) u is draw Address.Draw of the row's number: it is the same
// whenever the row is read. Invert rounds down to the values of the column.
//
// z keeps the units of the data. With a density p of z, log p(x + step u) + log
// step is, in the mean over u, a lower bound of the logarithm of the probability
// of x, the integral of p over its bin; the mean of p over K draws of u gives a
// bound that rises with K, in the mean (Lipman et al. 2023, table 4).
type Dequantize struct {
	key  random.Key
	bins []bin

	scratch sync.Pool // of *[]float64, for draws
}

// bin is the lattice (n Step + Offset)/Unit of a dimension, for whole n, Step,
// Offset and Unit: decimal fractions come back as they are written. A Step of 0 is
// a dimension that is continuous.
type bin struct {
	Step   float64 `json:"step"`
	Unit   float64 `json:"unit,omitempty"`
	Offset float64 `json:"offset,omitempty"`
}

func (b bin) width() float64          { return b.Step / b.Unit }
func (b bin) place(x float64) float64 { return (x*b.Unit - b.Offset) / b.Step }
func (b bin) value(n float64) float64 { return (n*b.Step + b.Offset) / b.Unit }

// on gives the number of x, if it is a value of the lattice to some digits.
func (b bin) on(x float64) (n float64, ok bool) {
	p := b.place(x)
	n = math.Round(p)
	return n, math.Abs(p-n) <= 1e-6*min(1, 1e-3*(1+math.Abs(n)))
}

type dequantizeState struct {
	Key  string `json:"key"` // decimal: 64 bits are more than a JSON number holds
	Bins []bin  `json:"bins"`
}

// Dim implements Fitted.
func (q *Dequantize) Dim() int { return len(q.bins) }

// Apply implements Fitted.
func (q *Dequantize) Apply(z, x, _ []float64, at Address, rows int) error {
	d := len(q.bins)
	if len(z) < rows*d || len(x) < rows*d {
		panic("transform: slice shorter than its rows")
	}
	u := q.borrow(d)
	defer q.scratch.Put(u)
	for r := range rows {
		q.key.Uniforms(*u, uint64(at.First)+uint64(r), at.Draw)
		for i, b := range q.bins {
			z[r*d+i] = b.spread(x[r*d+i], (*u)[i])
		}
	}
	return nil
}

// spread is x with the noise u.
func (b bin) spread(x, u float64) float64 {
	if b.Step == 0 {
		return x
	}
	z := x + float64(u*b.width())
	// A draw so near to an end that rounding takes it out of the bin becomes the
	// middle.
	if n, ok := b.on(x); ok && math.Floor(b.place(z)) != n {
		return b.value(n + 0.5)
	}
	return z
}

// under is the value of the lattice that became z with the noise u.
func (b bin) under(z, u float64) float64 {
	p := b.place(z - float64(u*b.width()))
	n := math.Round(p)
	if math.Abs(p-n) > 0.25 { // it became the middle
		n = math.Floor(b.place(z))
	}
	return b.value(n)
}

// borrow takes memory for n draws from the pool.
func (q *Dequantize) borrow(n int) *[]float64 {
	if u, ok := q.scratch.Get().(*[]float64); ok && len(*u) == n {
		return u
	}
	u := make([]float64, n)
	return &u
}

// Redraw implements Redrawn.
func (q *Dequantize) Redraw(z []float64, at Address, draw uint32, rows int) {
	d := len(q.bins)
	was, is := q.borrow(d), q.borrow(d)
	defer q.scratch.Put(was)
	defer q.scratch.Put(is)
	for r := range rows {
		row := uint64(at.First) + uint64(r)
		q.key.Uniforms(*was, row, at.Draw)
		q.key.Uniforms(*is, row, draw)
		for i, b := range q.bins {
			if v := z[r*d+i]; b.Step > 0 && v-v == 0 {
				z[r*d+i] = b.spread(b.under(v, (*was)[i]), (*is)[i])
			}
		}
	}
}

// Invert implements Fitted.
func (q *Dequantize) Invert(x, z []float64, rows int) error {
	d := len(q.bins)
	if len(z) < rows*d || len(x) < rows*d {
		panic("transform: slice shorter than its rows")
	}
	for r := range rows {
		for i, b := range q.bins {
			v := z[r*d+i]
			if b.Step > 0 {
				v = b.value(math.Floor(b.place(v)))
			}
			x[r*d+i] = v
		}
	}
	return nil
}

// State implements Fitted.
func (q *Dequantize) State() any {
	return dequantizeState{Key: strconv.FormatUint(uint64(q.key), 10), Bins: q.bins}
}

// Bins are the width of a bin of each dimension, 0 where it is continuous, and where
// one begins.
func (q *Dequantize) Bins() (step, offset []float64) {
	for _, b := range q.bins {
		if step = append(step, 0); b.Step > 0 {
			step[len(step)-1] = b.width()
			offset = append(offset, b.value(0))
			continue
		}
		offset = append(offset, 0)
	}
	return step, offset
}

// LogBin implements Discrete.
func (q *Dequantize) LogBin() float64 {
	var sum float64
	for _, b := range q.bins {
		if b.Step > 0 {
			sum += math.Log(b.width())
		}
	}
	return sum
}

// OnLattice implements Discrete.
func (q *Dequantize) OnLattice(x []float64, at Address, rows int) error {
	d := len(q.bins)
	for k, v := range x[:rows*d] {
		b := q.bins[k%d]
		if b.Step == 0 || v-v != 0 {
			continue
		}
		if _, ok := b.on(v); !ok {
			return schemas.Errorf(schemas.OutOfRange, "dequantize: row %d has %v in dimension %d, whose training values are %v apart, as %v and %v are",
				at.First+int64(k/d), v, k%d, b.width(), b.value(math.Floor(b.place(v))), b.value(math.Ceil(b.place(v)))).
				Suggest("write the distance of neighbouring values under `steps` of the transform, and train again")
		}
	}
	return nil
}

// Notes implements Noted.
func (q *Dequantize) Notes(columns []schemas.Column) (map[string]any, string) {
	steps, at := map[string]any{}, 0
	for _, c := range columns {
		if b := q.bins[at]; b.Step > 0 {
			steps[c.Name] = b.width()
		}
		at += c.Dims()
	}
	if len(steps) == 0 {
		return nil, "no column holds whole numbers only: nothing is dequantised; name the columns and the distance of their values under `steps`"
	}
	return map[string]any{"steps": steps}, ""
}

// dequantize is the Method of Dequantize.
type dequantize struct {
	config DequantizeConfig
	facts  Facts
}

func newDequantize(c DequantizeConfig) (Method, error) {
	for name, s := range c.Steps {
		if _, err := rational(s); err != nil {
			return nil, schemas.Errorf(schemas.OutOfRange, "%w", err).At("steps." + name).
				Suggest("write it with at most 12 decimals, as 0.01")
		}
	}
	return dequantize{config: c}, nil
}

// rational is a step as a fraction of whole numbers.
func rational(step float64) (bin, error) {
	for unit := 1.0; unit <= 1e12; unit *= 10 {
		n := math.Round(step * unit)
		if n < 1<<53 && n/unit == step {
			return bin{Step: n, Unit: unit}, nil
		}
	}
	return bin{}, fmt.Errorf("a step of %v is no decimal fraction", step)
}

// Informed implements Informed.
func (m dequantize) Informed(f Facts) (Method, error) {
	for name := range m.config.Steps {
		if !slices.ContainsFunc(f.Columns, func(c schemas.Column) bool { return c.Name == name }) {
			return nil, schemas.Errorf(schemas.UnknownColumn, "the data has no column %q", name).At("steps." + name)
		}
	}
	m.facts = f
	return m, nil
}

// Fit implements Method.
func (m dequantize) Fit(dim int) (Fit, error) {
	f := &dequantizeFit{method: m, dim: dim}
	columns := m.facts.Columns
	if columns == nil { // fitted without a stage: every dimension is a column
		columns = slices.Repeat([]schemas.Column{{}}, dim)
	}
	for i, c := range columns {
		l := lattice{}
		step, named := m.config.Steps[c.Name]
		if named {
			l.fixed, _ = rational(step)
		}
		l.named, l.continuous = named, named && step == 0
		f.columns = append(f.columns, l)
		for range c.Dims() {
			f.of = append(f.of, i)
		}
	}
	if len(f.of) != dim {
		panic("transform: columns that are not those of the rows")
	}
	return f, nil
}

// Restore implements Method.
func (m dequantize) Restore(raw json.RawMessage, dim int) (Fitted, error) {
	var s dequantizeState
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, schemas.Errorf(schemas.CorruptFile, "dequantize: %w", err)
	}
	key, err := strconv.ParseUint(s.Key, 10, 64)
	if err != nil {
		return nil, schemas.Errorf(schemas.CorruptFile, "dequantize: key: %w", err)
	}
	if len(s.Bins) != dim {
		return nil, schemas.Errorf(schemas.DimensionDiffer, "dequantize: fitted on %d columns, used on %d", len(s.Bins), dim)
	}
	whole := func(v float64) bool { return v == math.Trunc(v) && math.Abs(v) <= 1<<53 }
	for i, b := range s.Bins {
		if b.Step != 0 && (!(b.Step > 0) || !(b.Unit > 0) || !whole(b.Step) || !whole(b.Unit) || !whole(b.Offset)) {
			return nil, schemas.Errorf(schemas.CorruptFile, "dequantize: dimension %d has step %v, unit %v, offset %v", i, b.Step, b.Unit, b.Offset)
		}
	}
	return &Dequantize{key: random.Key(key), bins: s.Bins}, nil
}

// lattice is what is known of a column.
type lattice struct {
	named      bool
	fixed      bin // when named
	continuous bool
	seen       bool
	first, gcd float64
}

type dequantizeFit struct {
	method  dequantize
	dim     int
	of      []int // [dim], the column of a dimension
	columns []lattice
	rows    int64
}

// Add implements Fit.
func (f *dequantizeFit) Add(x []float64, rows int) error {
	for k, v := range x[:rows*f.dim] {
		l := &f.columns[f.of[k%f.dim]]
		row := f.rows + int64(k/f.dim)
		if v-v != 0 {
			return schemas.Errorf(schemas.NonFinite, "row %d has %v in column %d", row, v, k%f.dim)
		}
		switch {
		case l.continuous:
		case l.named:
			if !l.seen {
				l.first, l.seen = v, true
				l.fixed.Offset = remainder(math.Round(v*l.fixed.Unit), l.fixed.Step)
			}
			if _, ok := l.fixed.on(v); !ok {
				return schemas.Errorf(schemas.OutOfRange, "row %d has %v in dimension %d, which is not %v, as row 0 has, plus a multiple of %v", row, v, k%f.dim, l.first, l.fixed.width()).
					At("steps").Suggest("write the distance of neighbouring values")
			}
		case v != math.Trunc(v) || math.Abs(v) > 1<<53:
			l.continuous = true
		case !l.seen:
			l.first, l.seen = v, true
		case l.gcd != 1:
			l.gcd = gcd(l.gcd, math.Abs(v-l.first))
		}
	}
	f.rows += int64(rows)
	return nil
}

// Fitted implements Fit.
func (f *dequantizeFit) Fitted() (Fitted, []int, error) {
	if f.rows == 0 {
		return nil, nil, schemas.Errorf(schemas.EmptyData, "there are no rows to fit a transform on")
	}
	q := &Dequantize{key: f.method.facts.Key}
	for _, c := range f.of {
		l, b := f.columns[c], bin{}
		switch {
		case l.continuous:
		case l.named:
			b = l.fixed
		default:
			b = bin{Step: max(l.gcd, 1), Unit: 1} // one value alone tells no distance
			b.Offset = remainder(l.first, b.Step)
		}
		q.bins = append(q.bins, b)
	}
	return q, nil, nil
}

// gcd is the greatest common divisor of whole numbers; gcd(0, b) = b.
func gcd(a, b float64) float64 {
	for b != 0 {
		a, b = b, math.Mod(a, b)
	}
	return a
}

// remainder is that of division by m, at least 0.
func remainder(v, m float64) float64 {
	if r := math.Mod(v, m); r < 0 {
		return r + m
	} else {
		return r
	}
}
