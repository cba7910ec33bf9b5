package coupling_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/pathline/pathline/stages/coupling"
	"github.com/pathline/pathline/stages/coupling/couplingtest"
)

func TestCouplings(t *testing.T) {
	for name, c := range map[string]coupling.Coupling{
		"independent": coupling.Independent{},
		"ot":          coupling.NewOptimal(),
		"sinkhorn":    coupling.NewSinkhorn(coupling.SinkhornOptions{Reg: 0.05, Relative: true, Tolerance: 1e-4, Iterations: 1000}),
		"sharp":       coupling.NewSinkhorn(coupling.SinkhornOptions{Reg: 0.5, Tolerance: 1e-3, Iterations: 20000}),
	} {
		t.Run(name, func(t *testing.T) { couplingtest.Test(t, c) })
	}
}

// A row that cannot be paired is named.
func TestOptimalRefusesWhatIsInfinitelyFar(t *testing.T) {
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), 3e38} {
		x0, x1 := make([]float32, 10), make([]float32, 10)
		x1[6] = bad
		err := coupling.NewOptimal().Pair(make([]int32, 5), x0, x1, 5, 2)
		if err == nil || !strings.Contains(err.Error(), "data row 3") {
			t.Errorf("%v: error is %v", bad, err)
		}
	}
}

// ExampleOptimal pairs three rows of two columns so that they travel least.
func ExampleOptimal() {
	x0 := []float32{0, 0, 1, 1, 2, 2}
	x1 := []float32{2, 2, 0, 0, 1, 1}
	index := make([]int32, 3)
	if err := coupling.NewOptimal().Pair(index, x0, x1, 3, 2); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(index)
	// Output:
	// [2 0 1]
}

// ExampleSinkhorn draws the noise of two rows of data from the plan of the batch.
func ExampleSinkhorn() {
	x0 := []float32{0, 1}
	x1 := []float32{1, 0}
	c := coupling.NewSinkhorn(coupling.SinkhornOptions{Reg: 0.5, Tolerance: 1e-6, Iterations: 1000})
	plan := make([]float64, 4)
	found, err := c.Plan(plan, x0, x1, 2, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.3f after %d iterations\n", plan, found.Iterations)
	index := make([]int32, 2)
	if err := c.Draw(index, x0, x1, 2, 1, []float64{0.25, 0.75}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(index)
	// Output:
	// [0.060 0.440 0.440 0.060] after 1 iterations
	// [1 0]
}

// Example pairs three rows of two columns as they come.
func Example() {
	x0 := []float32{0, 0, 1, 1, 2, 2}
	x1 := []float32{2, 2, 0, 0, 1, 1}
	index := make([]int32, 3)
	var c coupling.Coupling = coupling.Independent{}
	if err := c.Pair(index, x0, x1, 3, 2); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(index)
	// Output:
	// [0 1 2]
}
