package trainer

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/transform"
)

// redrawn are rows in model space whose dequantisation noise is another one in every
// pass over the table: draw p of transform.Address in pass p, so that a row is a
// function of the noise's key, its number and the pass. The rows are read with draw 0,
// and the first pass is as they are read. In later ones columns without noise differ by
// the rounding of the transforms behind it.
type redrawn struct {
	Rows
	layout Layout
	noise  transform.Redrawn
	behind []transform.Fitted // transforms behind the noise, none of which draws; the last one first
	pass   []uint32           // of the rows of the batch at hand
	z      sync.Pool          // of *[]float64, [redrawnPiece][dim]
}

// redrawnPiece is how many rows are mapped together.
const redrawnPiece = tileRows

// redraw is rows with noise for every pass, where they went through a transform that
// draws some. Transforms of plugins behind it stand in the way: rows stay as they are
// then. Of several that draw the last one does.
func redraw(rows Rows, layout Layout, transforms []schemas.Transform) (Rows, error) {
	r := &redrawn{Rows: rows, layout: layout}
	for _, t := range slices.Backward(transforms) {
		f, err := transform.Restore(t, layout.Dim)
		var e *schemas.Error
		if errors.As(err, &e) && e.Reason == schemas.UnknownUse {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		if n, ok := f.(transform.Redrawn); ok {
			r.noise = n
			if table, ok := rows.(indexed); ok {
				return &redrawnTable{r, table}, nil
			}
			return r, nil
		}
		r.behind = append(r.behind, f)
	}
	return rows, nil
}

// read is the rows without noise of their own.
func (r *redrawn) read() Rows { return r.Rows }

// Next gives the next rows.
func (r *redrawn) Next(ctx context.Context, x []float32, number []int64) error {
	w := r.layout.Width()
	r.pass = slices.Grow(r.pass[:0], len(number))[:len(number)]
	for i := range number { // one by one, as a batch may go over the end of a pass
		r.pass[i] = uint32(r.Cursor().Pass)
		if err := r.Rows.Next(ctx, x[i*w:(i+1)*w], number[i:i+1]); err != nil {
			return err
		}
	}
	for lo := 0; lo < len(number); lo += redrawnPiece {
		hi := min(lo+redrawnPiece, len(number))
		if err := r.draw(x[lo*w:hi*w], number[lo:hi], r.pass[lo:hi]); err != nil {
			return err
		}
	}
	return nil
}

// redrawnTable are redrawn rows of a table in memory, drawn tile by tile.
type redrawnTable struct {
	*redrawn
	table indexed
}

func (r *redrawnTable) numbers(number []int64) {
	r.pass = slices.Grow(r.pass[:0], len(number))[:len(number)]
	for i := range number {
		r.pass[i] = uint32(r.Cursor().Pass)
		r.table.numbers(number[i : i+1])
	}
}

func (r *redrawnTable) gather(x []float32, number []int64, lo int) {
	r.table.gather(x, number, lo)
	w := r.layout.Width()
	for at := 0; at < len(number); at += redrawnPiece {
		to := min(at+redrawnPiece, len(number))
		if err := r.draw(x[at*w:to*w], number[at:to], r.pass[lo+at:lo+to]); err != nil {
			panic("trainer: a built-in transform failed: " + err.Error()) // none of them does
		}
	}
}

// draw gives at most redrawnPiece rows the noise of their passes. Results of a
// transform are rounded to float32, as they are where rows are read.
func (r *redrawn) draw(x []float32, number []int64, pass []uint32) error {
	for len(pass) > 0 && pass[0] == 0 { // passes ascend
		x, number, pass = x[r.layout.Width():], number[1:], pass[1:]
	}
	rows, d, w := len(number), r.layout.Dim, r.layout.Width()
	memory, ok := r.z.Get().(*[]float64)
	if !ok {
		m := make([]float64, redrawnPiece*d)
		memory = &m
	}
	defer r.z.Put(memory)
	z := (*memory)[:rows*d]
	for i := range rows {
		for k, v := range x[i*w : i*w+d] {
			z[i*d+k] = float64(v)
		}
	}
	for _, f := range r.behind {
		if err := f.Invert(z, z, rows); err != nil {
			return err
		}
	}
	for i, n := range number {
		r.noise.Redraw(z[i*d:(i+1)*d], transform.Address{First: n}, pass[i], 1)
	}
	for _, f := range slices.Backward(r.behind) {
		for i, v := range z {
			z[i] = float64(float32(v))
		}
		if err := f.Apply(z, z, nil, transform.Address{}, rows); err != nil {
			return err
		}
	}
	for i := range rows {
		for k, v := range z[i*d : (i+1)*d] {
			x[i*w+k] = float32(v)
		}
	}
	return nil
}
