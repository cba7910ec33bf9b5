package trainer

import (
	"context"
	"errors"
	"slices"

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
	behind []transform.Fitted // transforms behind the noise, none of which draws
	z      []float64          // [piece][dim]
	pass   []uint32
}

// redrawnPiece is how many rows are mapped together.
const redrawnPiece = 256

// redraw is rows with noise for every pass, where they went through a transform that
// draws some. Transforms of plugins behind it stand in the way: rows stay as they are
// then. Of several that draw the last one does.
func redraw(rows Rows, layout Layout, transforms []schemas.Transform) (Rows, error) {
	r := &redrawn{Rows: rows, layout: layout, z: make([]float64, redrawnPiece*layout.Dim)}
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
			return r, nil
		}
		r.behind = append(r.behind, f)
	}
	return rows, nil
}

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

// draw gives rows the noise of their passes. Results of a transform are rounded to
// float32, as they are where rows are read.
func (r *redrawn) draw(x []float32, number []int64, pass []uint32) error {
	for len(pass) > 0 && pass[0] == 0 { // passes ascend
		x, number, pass = x[r.layout.Width():], number[1:], pass[1:]
	}
	rows, d, w := len(number), r.layout.Dim, r.layout.Width()
	z := r.z[:rows*d]
	for i := range z {
		z[i] = float64(x[i/d*w+i%d])
	}
	for _, f := range r.behind { // the last transform comes first
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
	for i, v := range z {
		x[i/d*w+i%d] = float32(v)
	}
	return nil
}
