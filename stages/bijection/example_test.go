package bijection_test

import (
	"context"
	"fmt"

	"github.com/pathline/pathline/stages/bijection"
)

// A layer of one's own is a function each way. This one scales by a weight.
type stretch struct{}

func (stretch) Normalize(b *bijection.Builder, x bijection.Value) (z, logdet bijection.Value) {
	s := b.Param("log_scale", weight, x.Shape()...)
	return b.Mul(x, b.Exp(s)), b.Sum(s, 0)
}

func (stretch) Generate(b *bijection.Builder, z bijection.Value) (x, logdet bijection.Value) {
	s := b.Neg(b.Param("log_scale", weight, z.Shape()...))
	return b.Mul(z, b.Exp(s)), b.Sum(s, 0)
}

func Example() {
	n, err := bijection.NewNetwork(2, bijection.Chain{stretch{}, bijection.Reverse(2)}, bijection.Normal{Dim: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	copy(n.Tensors()[0].Data, []float32{0.6931472, 0}) // ln 2
	n.Changed(nil)
	z, logdet := make([]float32, 2), make([]float64, 1)
	if err := n.Normalize(context.Background(), z, []float32{3, 5}, logdet, 1); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.3f %.3f\n", z, logdet)
	// Output:
	// [5.000 6.000] [0.693]
}
