package sampler

import (
	"context"
	"math"
	"sync"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
	"github.com/pathline/pathline/stages/transform"
)

// Fix are columns of the data that have given values in all rows that are made:
// the rest is drawn given them, from a flow that was not trained for it.
//
// A fixed column goes along the path on its own, x_t = alpha(t) y + sigma(t) e with
// one e for the row, and is replaced by that wherever the field is asked
// (replacement: Song et al. 2021, appendix I.2). The field moves the others as if
// the fixed ones had come there by it, which they had not: alone, that is far
// from the conditional distribution (of two normal columns with the correlation 0.8
// the mean of the one would follow the other by 0.35). So at Levels times on the way
// the others are corrected by Steps steps of Langevin's dynamics
//
//	x <- x + h s(t, x) + sqrt(2 h) z,   h = sigma(t)²/2
//
// with their part of the score s of p_t (path.Score), which is the score of their
// distribution given the fixed ones (predictor and corrector: Song et al. 2021,
// section 3.3 and algorithm 3). With more levels and steps the result tends to the
// conditional distribution: with 100 and 10 the columns above have 0.786 in place of
// 0.8, and the deviation 0.616 in place of 0.6.
//
// Its limits: the path must be affine and its noise independent of the data, as it
// is where no coupling was used; transforms must map every fixed column on its own;
// distributions whose parts lie far apart are mixed between them only as far as the
// early levels do; there is no density of what is made.
type Fix struct {
	Columns []int     // places among the f.Dim() columns, increasing; not all
	Values  []float64 // one for each
	Levels  int
	Steps   int
	Key     random.Key // e of row n has the address (n, step 0), the draws of correction c (n, step 1 + c)
}

// mostCorrections is how many draws of corrections a row has addresses for.
const mostCorrections = math.MaxUint32 - 1

// corrections is how many steps a row makes at all levels.
func (fix Fix) corrections() int64 { return int64(fix.Levels) * int64(fix.Steps) }

// Inpaint is Sample with fixed columns.
func Inpaint(ctx context.Context, f *flow.Flow, s solver.Solver, dst []float64, key random.Key, first int64, rows int, fix Fix) (solver.Report, error) {
	w := f.Width()
	if rows < 1 || len(dst) < rows*w || len(fix.Columns) == 0 || len(fix.Columns) >= f.Dim() || len(fix.Values) != len(fix.Columns) || fix.Levels < 1 || fix.Steps < 0 || fix.corrections() > mostCorrections {
		panic("sampler: columns to fix out of range")
	}
	dst = dst[:rows*w]
	p, err := f.Path()
	if err != nil {
		return solver.Report{}, err
	}
	if _, curved := path.SamplerOf(p); curved {
		return solver.Report{}, schemas.Errorf(schemas.Conflict, "the flow's path is not affine: columns cannot be fixed")
	}
	y, err := fix.inModelSpace(f)
	if err != nil {
		return solver.Report{}, err
	}
	draw(f, dst, key, first, rows)
	var report solver.Report
	if f.Field64 != nil {
		report, err = inpaint(ctx, s, f, f.Field64, p, fix, y, dst, first, rows)
	} else {
		report, err = inpaint(ctx, s, f, f.Field32, p, fix, y, dst, first, rows)
	}
	if err != nil {
		return report, err
	}
	if err := generated(f, dst, rows); err != nil {
		return report, err
	}
	for r := range rows { // not what two roundings have made of it
		for i, c := range fix.Columns {
			dst[r*w+c] = fix.Values[i]
		}
	}
	return report, nil
}

// errMixed says that a fixed column is none in model space.
var errMixed = schemas.Errorf(schemas.Conflict, "the flow's transforms do not map the fixed columns on their own")

// inModelSpace maps the values by the flow's transforms: beside two rows of the
// base, which must not make a difference.
func (fix Fix) inModelSpace(f *flow.Flow) ([]float64, error) {
	d := f.Dim()
	x := make([]float64, 2*d)
	f.Base.Sample(x, fix.Key, 0, 2)
	if err := f.Generated(x, nil, 2); err != nil {
		return nil, err
	}
	for i, c := range fix.Columns {
		x[c], x[d+c] = fix.Values[i], fix.Values[i]
	}
	if err := f.Normalized(x, nil, transform.Address{}, 2); err != nil {
		return nil, err
	}
	var y []float64
	for i, c := range fix.Columns {
		if x[c] != x[d+c] {
			return nil, errMixed
		}
		if math.IsNaN(x[c]) || math.IsInf(x[c], 0) {
			return nil, schemas.Errorf(schemas.OutOfRange, "%v has no place in model space", fix.Values[i])
		}
		y = append(y, x[c])
	}
	return y, nil
}

// corrected is how many rows a worker corrects at a time.
const corrected = 256

// inpaint moves dst [rows][f.Width()], draws of the base, to t = 1 in model space.
func inpaint[T solver.Float](ctx context.Context, s solver.Solver, f *flow.Flow, field model.Field[T], p path.Path, fix Fix, y, dst []float64, first int64, rows int) (solver.Report, error) {
	g := &inpainted[T]{field: field, path: p, values: y, fixed: fix.Columns, held: f.Held()}
	d, w, m := f.Dim(), f.Width(), len(y)
	for c, i := 0, 0; c < d; c++ {
		if i < m && fix.Columns[i] == c {
			i++
			continue
		}
		g.free = append(g.free, c)
	}
	// A row of the solve: columns that are free | conditions | e of the fixed ones.
	n, wide := len(g.free), g.width()
	e := make([]float64, rows*m)
	fix.Key.Normals64Rows(e, m, uint64(first), rows, 0)
	x := make([]T, rows*wide)
	for r := range rows {
		row, from := x[r*wide:(r+1)*wide], dst[r*w:(r+1)*w]
		for i, c := range g.free {
			row[i] = T(from[c])
		}
		for i, v := range from[d:] {
			row[n+i] = T(v)
		}
		for i, v := range e[r*m : (r+1)*m] {
			row[n+w-d+i] = T(v)
		}
	}
	state := solver.State[T]{X: x, Rows: rows, Dim: wide, Held: wide - n, FirstID: first}
	total := solver.NewReport(rows)
	z, at, size := make([]float64, rows*n), make([]float64, rows), corrected
	if g.Distant() {
		size = rows // one call, where each has its price
	}
	for level := range fix.Levels {
		t := float64(level+1) / float64(fix.Levels)
		report, err := solver.Solve(ctx, s, solver.Field[T](g), state, float64(level)/float64(fix.Levels), t)
		if err != nil {
			return report, err
		}
		total.Add(report)
		if level == fix.Levels-1 {
			break
		}
		for r := range at {
			at[r] = t
		}
		// Rows know nothing of each other: a piece of them makes all its steps at once.
		if err := flow.Share(ctx, f.Workers, rows, size, func(lo, hi int) error {
			for step := range fix.Steps {
				fix.Key.Normals64Rows(z[lo*n:hi*n], n, uint64(first)+uint64(lo), hi-lo, uint32(1+level*fix.Steps+step))
				if err := g.correct(ctx, at[lo:hi], x[lo*wide:hi*wide], z[lo*n:hi*n]); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return total, err
		}
		for r := range rows {
			total.Evaluations[r] += int32(fix.Steps)
		}
	}
	for r := range rows {
		for i, c := range g.free {
			dst[r*w+c] = float64(x[r*wide+i])
		}
		for i, c := range g.fixed {
			dst[r*w+c] = y[i]
		}
	}
	return total, nil
}

// inpainted is the field of the columns that are free: those of the others are held,
// as the conditions are.
type inpainted[T solver.Float] struct {
	field       model.Field[T]
	path        path.Path
	free, fixed []int
	values      []float64
	held        int
	scratch     sync.Pool // of *whole[T]
}

// whole is the memory of a call: rows with all columns, and what the field gives.
type whole[T solver.Float] struct {
	coef []path.Coef
	x, v []T
}

// width is that of a row of the solve.
func (g *inpainted[T]) width() int { return len(g.free) + g.held + len(g.fixed) }

// Distant is that of the field or the path; see solver.Distant.
func (g *inpainted[T]) Distant() bool { return solver.Distant[T](g.field) || path.Distant(g.path) }

// Eval implements solver.Field.
func (g *inpainted[T]) Eval(ctx context.Context, dx []T, t []float64, x []T, rows int) error {
	s, err := g.velocity(ctx, t[:rows], x)
	if err != nil {
		return err
	}
	defer g.scratch.Put(s)
	wide, d := g.width(), g.field.Dim()
	for r := range rows {
		row := dx[r*wide : (r+1)*wide]
		clear(row)
		for i, c := range g.free {
			row[i] = s.v[r*d+c]
		}
	}
	return nil
}

// velocity is that of all columns, of rows in which the fixed ones are replaced.
func (g *inpainted[T]) velocity(ctx context.Context, t []float64, x []T) (*whole[T], error) {
	s, _ := g.scratch.Get().(*whole[T])
	if s == nil {
		s = &whole[T]{}
	}
	rows, wide, d, n := len(t), g.width(), g.field.Dim(), len(g.free)
	if cap(s.coef) < rows {
		s.coef, s.x, s.v = make([]path.Coef, rows), make([]T, rows*d), make([]T, rows*d)
	}
	s.coef, s.x, s.v = s.coef[:rows], s.x[:rows*d], s.v[:rows*d]
	if err := g.path.Coefficients(s.coef, t); err != nil {
		g.scratch.Put(s)
		return nil, err
	}
	for r := range rows {
		c := s.coef[r].Marginal()
		to, from := s.x[r*d:(r+1)*d], x[r*wide:(r+1)*wide]
		for i, j := range g.free {
			to[j] = from[i]
		}
		copy(to[d-g.held:], from[n:n+g.held])
		for i, j := range g.fixed {
			to[j] = T(float64(c.Alpha*g.values[i]) + float64(c.Sigma*float64(from[n+g.held+i])))
		}
	}
	if err := g.field.Eval(ctx, s.v, t, s.x, rows); err != nil {
		g.scratch.Put(s)
		return nil, err
	}
	return s, nil
}

// correct makes one step of Langevin's dynamics at one time, t [rows], with the draws
// z [rows][free]. A row that is not finite stays as it is.
func (g *inpainted[T]) correct(ctx context.Context, t []float64, x []T, z []float64) error {
	s, err := g.velocity(ctx, t, x)
	if err != nil {
		return err
	}
	defer g.scratch.Put(s)
	c := s.coef[0].Marginal()
	ofX, ofV := path.Score(s.coef[0])
	h := c.Sigma * c.Sigma / 2
	wide, d, n := g.width(), g.field.Dim(), len(g.free)
	for r := range t {
		for i, j := range g.free {
			v := float64(s.x[r*d+j])
			score := float64(ofX*v) + float64(ofV*float64(s.v[r*d+j]))
			next := v + float64(h*score) + float64(math.Sqrt(2*h)*z[r*n+i])
			if !math.IsNaN(next) && !math.IsInf(next, 0) {
				x[r*wide+i] = T(next)
			}
		}
	}
	return nil
}
