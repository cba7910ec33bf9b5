package machine_test

import (
	"fmt"

	"github.com/pathline/pathline/stages/machine"
)

func Example() {
	c := make([]float32, 2)
	p := machine.NewProduct(1, 2, 2, 1)
	defer p.Close()
	p.Multiply(c, []float32{1, 2}, []float32{1, 0, 10, 1})
	fmt.Println(c, p.FLOPs())
	// Output: [21 2] 8
}
