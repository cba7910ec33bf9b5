package coupling

import (
	"context"
	"math"
	"testing"

	"github.com/pathline/pathline/stages/random"
)

// Potentials bound every cost from below and meet those of the pairs, which are
// those of Pair: by duality no pairs cost less.
func TestPotentialsProveThePairs(t *testing.T) {
	o := NewOptimal()
	for _, c := range [][2]int{{1, 3}, {2, 1}, {40, 2}, {257, 5}} {
		rows, dim := c[0], c[1]
		x0, x1 := make([]float32, rows*dim), make([]float32, rows*dim)
		random.NewKey(1, "test", "x0").Normals32(x0, 0, 0)
		random.NewKey(1, "test", "x1").Normals32(x1, 0, 0)
		index, want := make([]int32, rows), make([]int32, rows)
		phi0, phi1 := make([]float64, rows), make([]float64, rows)
		if err := o.Potentials(context.Background(), index, phi0, phi1, x0, x1, rows, dim); err != nil {
			t.Fatal(err)
		}
		if err := o.Pair(want, x0, x1, rows, dim); err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			if index[i] != want[i] {
				t.Fatalf("%v: row %d goes with %d, by Pair with %d", c, i, index[i], want[i])
			}
			for j := range rows {
				cost := 0.0
				for k := range dim {
					d := float64(x1[i*dim+k]) - float64(x0[j*dim+k])
					cost += d * d
				}
				slack := cost - phi0[j] - phi1[i]
				if slack < -1e-5 || int(index[i]) == j && math.Abs(slack) > 1e-5 {
					t.Fatalf("%v: cost %v of rows %d and %d, potentials %v and %v", c, cost, i, j, phi1[i], phi0[j])
				}
			}
		}
	}
}
