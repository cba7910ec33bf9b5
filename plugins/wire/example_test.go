package wire_test

import (
	"fmt"

	"github.com/pathline/pathline/plugins/wire"
)

// Columns are wrapped, written as one message, checked against the schema and
// wrapped again.
func Example() {
	batch := wire.Batch(
		wire.ColumnOf("t", []float64{0, 0.5}, 0),
		wire.ColumnOf("x", []float32{1, 2, 3, 4}, 2))
	message, err := wire.Encode(batch)
	if err != nil {
		fmt.Println(err)
		return
	}
	back, err := wire.Decode(batch.Schema(), message)
	if err != nil {
		fmt.Println(err)
		return
	}
	x, err := wire.Values[float32](back, "x", 2, 2)
	fmt.Println(x, err)
	_, err = wire.Decode(batch.Schema(), message[:len(message)-1])
	fmt.Println(err)
	// Output:
	// [1 2 3 4] <nil>
	// wire: a message has 127 bytes where it says 128
}
