package evaluator_test

import (
	"context"
	"fmt"
	"log"

	"github.com/pathline/pathline/stages/evaluator"
	"github.com/pathline/pathline/stages/random"
)

// A sample whose first column is shifted by a standard deviation.
func Example() {
	const n, d = 4000, 2
	x, y := make([]float64, n*d), make([]float64, n*d)
	random.NewKey(1, "data", "rows").Normals64(x, 0, 0)
	random.NewKey(1, "sample", "rows").Normals64(y, 0, 0)
	for i := 0; i < len(y); i += d {
		y[i]++
	}
	metrics, err := evaluator.TwoSample(context.Background(), x, y, n, n, d,
		evaluator.Options{Key: random.NewKey(1, "quality", "rows"), Workers: 2, QuadraticRows: 1000, ExactRows: 500})
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range metrics[1:4] {
		fmt.Println(m.Name, "above its floor:", m.Value > m.Floor+4*m.SE)
	}
	// Output:
	// wasserstein_2_squared above its floor: true
	// sliced_wasserstein_2 above its floor: true
	// energy_distance above its floor: true
}
