package trainer

import (
	"container/heap"
	"context"
	"io"
	"math"
	"slices"

	"github.com/pathline/pathline/stages/coupling"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// Validation is a fixed set of examples: the same rows with the same times and
// the same noise at every evaluation, so that two losses differ by what the
// network learned and not by what was drawn. Row i of R has the time
// (Permute(i, R, 0) + 1/2) / R.
type Validation struct {
	layout Layout
	number []int64 // of the rows in their table
	t      []float64
	in     []float32 // [rows][input], x_t and the conditions
	target []float32 // [rows][dim]

	v    []float32 // [rows][input], what the network says
	loss []float64 // per row
}

// Sample reads a table and keeps at most limit of its rows: those whose number
// r has the smallest key.Uniform(r, 0), a sample without replacement that does
// not depend on the order of reading. The rows come in the order of the table.
func Sample(ctx context.Context, table Table, width, limit int, key random.Key) (x []float32, number []int64, err error) {
	r, err := table(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if e := r.Close(); err == nil {
			err = e
		}
	}()
	var kept lottery
	chunk := make([]float32, max(1, 1<<14/width)*width)
	for row := int64(0); ; {
		n, err := r.Read(ctx, chunk)
		for i := 0; i < n; i, row = i+1, row+1 {
			u := key.Uniform(uint64(row), 0)
			one := chunk[i*width : (i+1)*width]
			if len(kept) < limit {
				heap.Push(&kept, ticket{u, row, slices.Clone(one)})
			} else if limit > 0 && u < kept[0].u {
				kept[0].u, kept[0].row = u, row
				copy(kept[0].x, one)
				heap.Fix(&kept, 0)
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, err
		}
	}
	slices.SortFunc(kept, func(a, b ticket) int { return int(a.row - b.row) })
	for _, k := range kept {
		x, number = append(x, k.x...), append(number, k.row)
	}
	return x, number, nil
}

// ticket is a row with its draw; a lottery is a heap with the greatest first.
type ticket struct {
	u   float64
	row int64
	x   []float32
}

type lottery []ticket

func (l lottery) Len() int           { return len(l) }
func (l lottery) Less(i, j int) bool { return l[i].u > l[j].u }
func (l lottery) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *lottery) Push(t any)        { *l = append(*l, t.(ticket)) }
func (l *lottery) Pop() any {
	t := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return t
}

// NewValidation draws the examples for rows x [rows][width] with their numbers.
// Noise is coupled as in training, in batches of the size that is paired there.
func NewValidation(ctx context.Context, x []float32, number []int64, layout Layout, batch int, p path.Path, c coupling.Coupling, target path.Prediction, keys Keys) (*Validation, error) {
	rows, dim := len(number), layout.Dim
	if len(x) != rows*layout.Width() || batch < 1 {
		panic("trainer: validation rows and their numbers differ in length")
	}
	v := &Validation{layout: layout, number: number, t: make([]float64, rows),
		in: make([]float32, rows*layout.Input()), target: make([]float32, rows*dim),
		v: make([]float32, rows*layout.Input()), loss: make([]float64, rows)}
	lo, hi := path.Interior(p)
	for i := range v.t {
		at := keys.ValidTime.Permute(uint64(i), uint64(rows), 0)
		v.t[i] = min(max((float64(at)+0.5)/float64(rows), lo), hi)
	}
	coef := make([]path.Coef, rows)
	curved, ok := path.SamplerOf(p)
	if !ok {
		if err := p.Coefficients(coef, v.t); err != nil {
			return nil, err
		}
	}
	fresh, x0 := make([]float32, rows*dim), make([]float32, rows*dim)
	var e []float32
	if gamma(coef) {
		e = make([]float32, rows*dim)
	}
	for i, n := range number {
		if !layout.Noise {
			initial{keys.Source, keys.ValidNoise}.Normals32Rows(fresh[i*dim:(i+1)*dim], dim, uint64(n), 1, 0)
		}
		if e != nil {
			keys.ValidNoise.Normals32(e[i*dim:(i+1)*dim], uint64(n), 1)
		}
	}
	if layout.Noise {
		layout.noise(fresh, x)
	}
	x1 := layout.bareRows(x)
	index, err := pairs(ctx, fresh, x1, x, number, layout, batch, c, keys.ValidPairs)
	if err != nil {
		return nil, err
	}
	for i, j := range index {
		copy(x0[i*dim:(i+1)*dim], fresh[int(j)*dim:])
	}
	xt := make([]float32, rows*dim)
	if curved != nil {
		if err := curved.Sample(xt, v.target, x0, x1, v.t, rows, dim); err != nil {
			return nil, err
		}
	} else {
		path.Interpolate(xt, nil, coef, x0, x1, e, rows, dim)
		target.Write(v.target, coef, x0, x1, e, rows, dim)
	}
	layout.input(v.in, xt, x)
	return v, nil
}

// pairs is the coupling of all rows, batch by batch: noise x0, data x1 and the rows
// that they are of.
func pairs(ctx context.Context, x0, x1, row []float32, number []int64, layout Layout, batch int, c coupling.Coupling, key random.Key) ([]int32, error) {
	rows, d, w := len(number), layout.Dim, layout.Width()
	index := make([]int32, rows)
	for i := range index {
		index[i] = int32(i)
	}
	p := newPairing(c, batch)
	if p == nil {
		return index, nil
	}
	for lo := 0; lo < rows; lo += p.rows {
		hi := min(lo+p.rows, rows)
		if err := p.pair(ctx, index[lo:hi], x0[lo*d:hi*d], x1[lo*d:hi*d], row[lo*w:hi*w], layout, func(u []float64) {
			for i, n := range number[lo:hi] {
				u[i] = key.Uniform(uint64(n), 0)
			}
		}); err != nil {
			return nil, err
		}
		for i := lo; i < hi; i++ {
			index[i] += int32(lo)
		}
	}
	return index, nil
}

// evaluate is the mean over all entries of (f - target)² and its standard
// error, from the spread of the rows' losses. Rows are summed in their order.
func (v *Validation) evaluate(ctx context.Context, of weights, c *crew) (mean, se float64, err error) {
	rows, d, in := len(v.t), v.layout.Dim, v.layout.Input()
	net, size := of.(model.Network), tileRows
	if solver.Distant[float32](net) {
		size = rows // in one call
	}
	blocks := (rows + size - 1) / size
	errs := make([]error, blocks)
	c.run(blocks, func(b int) {
		lo, hi := b*size, min((b+1)*size, rows)
		if errs[b] = net.Eval(ctx, v.v[lo*in:hi*in], v.t[lo:hi], v.in[lo*in:hi*in], hi-lo); errs[b] != nil {
			return
		}
		for r := lo; r < hi; r++ {
			v.loss[r] = squares(v.v[r*in:r*in+d], v.target[r*d:(r+1)*d]) / float64(d)
		}
	})
	for _, e := range errs {
		if e != nil {
			return 0, 0, e
		}
	}
	mean, se = spread(v.loss)
	return mean, se, nil
}

// spread is the mean of losses, in their order, and its standard error.
func spread(loss []float64) (mean, se float64) {
	n := float64(len(loss))
	for _, l := range loss {
		mean += l / n
	}
	for _, l := range loss {
		se += (l - mean) * (l - mean)
	}
	return mean, math.Sqrt(se / max(n-1, 1) / n)
}

// squares is sum (a-b)².
func squares(a, b []float32) float64 {
	var sum float64
	for i, v := range a {
		e := float64(v) - float64(b[i])
		sum += e * e
	}
	return sum
}
