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
