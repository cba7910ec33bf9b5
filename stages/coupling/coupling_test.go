package coupling_test

import (
	"fmt"
	"testing"

	"github.com/pathline/pathline/stages/coupling"
	"github.com/pathline/pathline/stages/coupling/couplingtest"
)

func TestCouplings(t *testing.T) {
	for name, c := range map[string]coupling.Coupling{
		"independent": coupling.Independent{},
	} {
		t.Run(name, func(t *testing.T) { couplingtest.Test(t, c) })
	}
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
