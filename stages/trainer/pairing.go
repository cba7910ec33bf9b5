package trainer

import (
	"fmt"

	"github.com/pathline/pathline/stages/coupling"
)

// pairing is a coupling with what it needs beside the rows.
type pairing struct {
	couple  coupling.Coupling
	drawing coupling.Drawing // the coupling, where it draws its pairs
	u       []float64        // what it draws them with, of a batch
}

// newPairing gives nil where nothing is paired.
func newPairing(c coupling.Coupling, batch int) *pairing {
	if _, none := c.(coupling.Independent); none || c == nil {
		return nil
	}
	p := &pairing{couple: c}
	if d, ok := c.(coupling.Drawing); ok {
		p.drawing, p.u = d, make([]float64, batch)
	}
	return p
}

// pair couples len(index) rows. uniforms writes a number for each of them, where
// they are drawn.
func (p *pairing) pair(index []int32, x0, x1 []float32, dim int, uniforms func(u []float64)) error {
	rows := len(index)
	var err error
	if p.drawing != nil {
		uniforms(p.u[:rows])
		err = p.drawing.Draw(index, x0, x1, rows, dim, p.u[:rows])
	} else {
		err = p.couple.Pair(index, x0, x1, rows, dim)
	}
	if err != nil {
		return err
	}
	return within(index, rows)
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
