package condition_test

import (
	"fmt"

	"github.com/pathline/pathline/stages/condition"
)

// A category and a number are learned from three rows, and another row is written as
// a network gets it: one column for each category, the number standardised, and 1
// because it is there.
func Example() {
	fit := condition.NewFit(condition.Columns{
		{Name: "cut", Type: "utf8", Kind: condition.Category},
		{Name: "carat", Type: "float64", Kind: condition.Number},
	})
	for i, cut := range []string{"Ideal", "Fair", "Ideal"} {
		if err := fit.Add([]condition.Value{{Text: cut}, {Numbers: []float64{float64(i)}}}); err != nil {
			fmt.Println(err)
			return
		}
	}
	columns := fit.Fitted()
	row := make([]float32, columns.Held())
	err := columns.PutRow(row, []condition.Value{{Text: "Ideal"}, {Numbers: []float64{1}}})
	fmt.Println(columns[0].Categories, row, err)
	err = columns.PutRow(row, []condition.Value{{Text: "Rough"}, {Numbers: []float64{1}}})
	fmt.Println(err)
	// Output:
	// [Fair Ideal] [0 1 0 1] <nil>
	// column "cut" has the category "Rough", which the training rows do not have; they have "Fair", "Ideal"
}
