package condition

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Fit learns conditions from the training rows, which pass by once and in their
// order. It is used by one goroutine.
type Fit struct {
	columns Columns
	seen    []map[string]bool // of categories
	rows    float64
	mean    [][]float64 // of numbers (Welford 1962)
	square  [][]float64
}

// NewFit begins for columns of which names, types and kinds are known.
func NewFit(columns Columns) *Fit {
	f := &Fit{columns: slices.Clone(columns)}
	for i := range columns {
		n := columns[i].Numbers()
		f.seen = append(f.seen, map[string]bool{})
		f.mean, f.square = append(f.mean, make([]float64, n)), append(f.square, make([]float64, n))
	}
	return f
}

// Add takes a row: one value for every column. The values are not kept.
func (f *Fit) Add(row []Value) error {
	f.rows++
	for i, v := range row {
		c := &f.columns[i]
		if c.Kind == Category {
			if !f.seen[i][v.Text] {
				if len(f.seen[i]) == MaxCategories {
					return fmt.Errorf("column %q has more than %d categories", c.Name, MaxCategories)
				}
				f.seen[i][strings.Clone(v.Text)] = true
			}
			continue
		}
		for j, x := range v.Numbers {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return fmt.Errorf("column %q has %v, which is no finite number", c.Name, x)
			}
			d := x - f.mean[i][j]
			f.mean[i][j] += d / f.rows
			f.square[i][j] += float64(d * (x - f.mean[i][j]))
		}
	}
	return nil
}

// Fitted ends the pass.
func (f *Fit) Fitted() Columns {
	out := slices.Clone(f.columns)
	for i := range out {
		c := &out[i]
		c.Categories, c.Mean, c.Std = nil, nil, nil
		if c.Kind == Category {
			var list []ordered
			for v := range f.seen[i] {
				list = append(list, c.ordered(v))
			}
			slices.SortFunc(list, ordered.compare)
			for _, v := range list {
				c.Categories = append(c.Categories, v.text)
			}
			continue
		}
		c.Mean = slices.Clone(f.mean[i])
		for _, s := range f.square[i] {
			std := math.Sqrt(s / max(f.rows, 1))
			if !(std > 0) {
				std = 1
			}
			c.Std = append(c.Std, std)
		}
	}
	return out
}

// isNumber says whether the values of a type, in Arrow's words, are written as
// numbers.
func isNumber(kind string) bool {
	return strings.HasPrefix(kind, "int") || strings.HasPrefix(kind, "uint") || strings.HasPrefix(kind, "float")
}

// number is the number that a text says, for an order.
func number(text string) float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) {
		return math.Inf(1)
	}
	return v
}
