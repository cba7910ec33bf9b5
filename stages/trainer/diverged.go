package trainer

import (
	"context"
	"fmt"
	"strings"

	"github.com/pathline/pathline/schemas"
)

const advice = "lower optimizer.lr, set clip (1 is usual), or standardize the data"

// namedRows is how many rows an error names.
const namedRows = 5

// diverged finds the rows whose data or whose loss is not finite. The weights
// are those that the batch was computed with.
func (m *matching) diverged(ctx context.Context, step int64, loss float64) error {
	layout := m.x.layout
	d, in, s := layout.Dim, layout.Input(), newTile(tileRows, layout)
	v := make([]float32, tileRows*in)
	var bad, broken named
	for lo := 0; lo < m.x.o.Batch; lo += tileRows {
		hi := min(lo+tileRows, m.x.o.Batch)
		if err := m.x.fill(s, lo, hi); err != nil {
			return err
		}
		if err := m.net.Eval(ctx, v, s.t, s.in, hi-lo); err != nil {
			return err
		}
		for i, n := range m.x.number[lo:hi] {
			x1, target := s.x1[i*d:(i+1)*d], s.target[i*d:(i+1)*d]
			if !finite(norm2(x1)) {
				broken.add(n)
			}
			if !finite(squares(v[i*in:i*in+d], target)) {
				bad.add(n)
			}
		}
	}
	return lossOf(step, loss, broken, bad)
}

// lossOf says which rows have broken data, or else no finite loss.
func lossOf(step int64, loss float64, broken, bad named) error {
	if broken.count > 0 {
		return schemas.Errorf(schemas.NonFinite, "step %d: the loss is %v, because the data is not finite in %s", step, loss, broken).
			Suggest("drop or repair those rows")
	}
	return schemas.Errorf(schemas.Numerical, "step %d: the loss is %v; it is not finite for %s", step, loss, bad).Suggest(advice)
}

// diverged says which rows of the validation set have no finite loss.
func (v *Validation) diverged(step int64, loss float64) error {
	return notFinite(step, loss, v.loss, v.number)
}

func notFinite(step int64, loss float64, terms []float64, number []int64) error {
	var bad named
	for i, l := range terms {
		if !finite(l) {
			bad.add(number[i])
		}
	}
	return schemas.Errorf(schemas.Numerical, "step %d: the validation loss is %v; it is not finite for %s of the validation data", step, loss, bad).Suggest(advice)
}

// named counts rows and keeps the first few.
type named struct {
	count int
	rows  []string
}

func (n *named) add(row int64) {
	if n.count++; n.count <= namedRows {
		n.rows = append(n.rows, fmt.Sprint(row))
	}
}

// String is "2 rows (3, 17, counted from 0)".
func (n named) String() string {
	text := strings.Join(n.rows, ", ")
	if n.count > len(n.rows) {
		text += ", ..."
	}
	word := "rows"
	if n.count == 1 {
		word = "row"
	}
	return fmt.Sprintf("%d %s (%s, counted from 0)", n.count, word, text)
}

func norm2(x []float32) float64 {
	var sum float64
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum
}
