package trainer

import (
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/coupling"
)

func entropic() coupling.Coupling {
	return coupling.NewSinkhorn(coupling.SinkhornOptions{Reg: 0.1, Relative: true, Tolerance: 1e-3, Iterations: 1000})
}

// drawer is a drawing that keeps the numbers it is given and pairs by them.
type drawer struct{ seen *[]float64 }

func (d drawer) Pair([]int32, []float32, []float32, int, int) error {
	panic("trainer: a coupling that draws was not given numbers")
}

func (d drawer) Draw(index []int32, _, _ []float32, rows, _ int, u []float64) error {
	*d.seen = append(*d.seen, u...)
	for i := range index {
		index[i] = int32(u[i] * float64(rows))
	}
	return nil
}

// Example p draws with the number at (p, 0) of the stream, whatever the batch; the
// noise it gets is the one that was drawn.
func TestDrawsHaveAddresses(t *testing.T) {
	var seen []float64
	o := options(1, 40)
	o.Accumulate, o.Coupling = 3, drawer{&seen}
	examplesOf(t, o, NewMemory(numbered(50), 1, 1), 1, 2)
	want := make([]float64, 120)
	o.Keys.Pairs.UniformRows(want, 2*120, 0)
	if !slices.Equal(seen, want) {
		t.Errorf("draws with %v, not %v", seen[:3], want[:3])
	}
	seen = nil
	number := []int64{5, 7, 9}
	if _, err := NewValidation(t.Context(), []float32{5, 7, 9}, number, Layout{Dim: 1}, 2, o.Path, o.Coupling, o.Target, o.Keys); err != nil {
		t.Fatal(err)
	}
	for i, n := range number {
		if want := o.Keys.ValidPairs.Uniform(uint64(n), 0); len(seen) != 3 || seen[i] != want {
			t.Errorf("validation draws with %v, for row %d want %v", seen, n, want)
		}
	}
}
