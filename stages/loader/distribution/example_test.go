package distribution_test

import (
	"fmt"

	"github.com/pathline/pathline/stages/loader/distribution"
	"github.com/pathline/pathline/stages/random"
)

// Rows 1,000,000 to 1,000,002 of the checkerboard, without making those before.
func Example() {
	d, _ := distribution.ByName("checkerboard")
	key := random.NewKey(7, "data", "rows")
	x := make([]float64, 3*d.Dim)
	d.Sample(x, key, 1_000_000, 3)

	one := make([]float64, d.Dim)
	d.Sample(one, key, 1_000_001, 1)
	fmt.Println(one[0] == x[2], one[1] == x[3])
	fmt.Printf("%s: no model is better than %.4f nats\n", d.Name, d.Entropy)
	// Output:
	// true true
	// checkerboard: no model is better than 3.4657 nats
}
