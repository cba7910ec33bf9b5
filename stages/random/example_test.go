package random_test

import (
	"fmt"

	"github.com/pathline/pathline/stages/random"
)

// Example draws the noise of one row at one step, twice: there is no state.
func Example() {
	key := random.NewKey(7, "train", "noise")
	var z [3]float32
	for range 2 {
		key.Normals32(z[:], 12345, 67)
		fmt.Printf("%.4f\n", z)
	}
	// A shuffled pass over five rows, from its third place on.
	for i := uint64(2); i < 5; i++ {
		fmt.Print(key.Permute(i, 5, 0), " ")
	}
	fmt.Println()
	// Output:
	// [0.1348 2.1799 -0.9000]
	// [0.1348 2.1799 -0.9000]
	// 1 3 4
}
