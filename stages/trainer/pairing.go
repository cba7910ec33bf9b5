package trainer

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/pathline/pathline/stages/coupling"
)

// pairing is a coupling with what it needs beside the rows.
type pairing struct {
	couple coupling.Coupling
	draws  bool    // whether it is a coupling.Drawing
	rows   int     // that are paired at a time
	scale  float32 // of conditions, beside x; 0 leaves them out

	u        []float64 // what pairs are drawn with
	x0c, x1c []float32 // noise and data with conditions
}

// newPairing gives nil where nothing is paired.
func newPairing(c coupling.Coupling, batch int) *pairing {
	if _, none := c.(coupling.Independent); none || c == nil {
		return nil
	}
	p := &pairing{couple: c, rows: paired(c, batch), scale: float32(math.Sqrt(coupling.ScopeOf(c).Conditions))}
	_, p.draws = c.(coupling.Drawing)
	return p
}

// paired is how many rows a coupling gets at a time where a batch has that many.
func paired(c coupling.Coupling, batch int) int {
	if n := coupling.ScopeOf(c).Batch; n > 0 {
		return n
	}
	return batch
}

// pair couples len(index) rows: noise x0 and data x1, both [rows][Dim], which are
// those of rows [rows][Width]. uniforms writes a number for each of them, where pairs
// are drawn. Where conditions count, they stand beside x so that their squared
// distances are part of those of rows; noise has those of the data it was drawn with.
func (p *pairing) pair(ctx context.Context, index []int32, x0, x1, rows []float32, l Layout, uniforms func(u []float64)) error {
	n, dim := len(index), l.Dim
	if p.scale > 0 && l.Held > 0 {
		dim = l.Input()
		p.x0c, p.x1c = p.beside(p.x0c, x0, rows, l), p.beside(p.x1c, x1, rows, l)
		x0, x1 = p.x0c, p.x1c
	}
	if p.draws {
		p.u = slices.Grow(p.u[:0], n)[:n]
		uniforms(p.u)
	}
	if err := coupling.PairContext(ctx, p.couple, index, x0, x1, n, dim, p.u); err != nil {
		return err
	}
	return within(index, n)
}

// beside writes x with scaled conditions.
func (p *pairing) beside(to, x, rows []float32, l Layout) []float32 {
	n, d, in, w := len(x)/l.Dim, l.Dim, l.Input(), l.Width()
	to = slices.Grow(to[:0], n*in)[:n*in]
	for i := range n {
		r := to[i*in : (i+1)*in]
		copy(r, x[i*d:(i+1)*d])
		for k, c := range rows[i*w+d : i*w+in] {
			r[d+k] = p.scale * c
		}
	}
	return to
}

// within refuses a coupling that names noise which is not there.
func within(index []int32, rows int) error {
	for i, j := range index {
		if j < 0 || int(j) >= rows {
			return fmt.Errorf("trainer: the coupling gives row %d of a batch the noise %d of %d", i, j, rows)
		}
	}
	return nil
}
