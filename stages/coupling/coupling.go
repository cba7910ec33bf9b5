package coupling

// Coupling pairs noise with data. Implementations are values, safe for
// concurrent use.
type Coupling interface {
	// Pair sets index[r] to the row of x0 that goes with row r of x1, for r in 0 to
	// rows-1: a permutation of the rows, unless the coupling is a [Drawing]. x0 and
	// x1 are [rows][dim], row-major, belong to the caller and are not written. The
	// result is a function of the arguments.
	Pair(index []int32, x0, x1 []float32, rows, dim int) error
}

// Drawing is a coupling that has a plan, a probability for every pair of rows, and
// draws the noise of each data row from the plan's part that is the row's. Noise
// may then go with several rows of a batch and with none; in the mean over draws it
// goes with one, so that marginals are preserved in expectation. Whoever has random
// numbers calls Draw; Pair draws with numbers that are the same for every batch.
type Drawing interface {
	Coupling
	// Draw is Pair with a number u[r], uniform on [0, 1), for every row of data.
	Draw(index []int32, x0, x1 []float32, rows, dim int, u []float64) error
}

// Independent pairs row r with row r: with noise and data drawn independently,
// the product of their distributions.
type Independent struct{}

// Pair implements [Coupling].
func (Independent) Pair(index []int32, x0, x1 []float32, rows, dim int) error {
	if len(index) != rows || len(x0) != rows*dim || len(x1) != rows*dim {
		panic("coupling: slices of other lengths than rows and dim")
	}
	for r := range index {
		index[r] = int32(r)
	}
	return nil
}
