package transform_test

import (
	"fmt"

	"github.com/pathline/pathline/stages/transform"
)

func Example() {
	rows := []float64{
		1, 10,
		2, 20,
		3, 30,
	}
	m := transform.NewMoments(2)
	if err := m.Add(rows, 3); err != nil {
		fmt.Println(err)
		return
	}
	s, _, err := m.Standardize()
	if err != nil {
		fmt.Println(err)
		return
	}
	z, logdet := make([]float64, 6), make([]float64, 3)
	if err := s.Apply(z, rows, logdet, transform.Address{}, 3); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("z = %.3f, log|det| = %.3f\n", z[:2], logdet[0])
	if err := s.Invert(z, z, 3); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("x = %.0f\n", z)
	// Output:
	// z = [-1.225 -1.225], log|det| = -1.897
	// x = [1 10 2 20 3 30]
}
