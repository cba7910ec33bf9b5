package condition

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// The kinds of conditions.
const (
	Category = "category"
	Number   = "number"
)

// Limits, so that a table or a file cannot ask for absurd memory: rows hold a
// column for every category.
const (
	MaxCategories = 1 << 12
	maxWidth      = 1 << 14
)

// Column is a column that a flow is conditional on, as the flow's file keeps it.
type Column struct {
	Name  string `json:"name"`
	Type  string `json:"type"`            // the Arrow type of a value, in Arrow's own words
	Width int    `json:"width,omitempty"` // length of a vector of numbers, 0 for a scalar
	Kind  string `json:"kind"`            // category or number

	Categories []string `json:"categories,omitempty"` // those of the training rows, sorted; written as text
	// Of the training rows, one for each number of a vector. A column that has one
	// value has the deviation 1.
	Mean []float64 `json:"mean,omitempty"`
	Std  []float64 `json:"std,omitempty"`
}

// Numbers is how many numbers a value is, of a column of numbers.
func (c *Column) Numbers() int { return max(c.Width, 1) }

// Held is the number of columns that the condition takes in a row.
func (c *Column) Held() int {
	if c.Kind == Category {
		return len(c.Categories)
	}
	return c.Numbers() + 1
}

// Columns are the conditions of a flow, in the order of their columns in a row.
type Columns []Column

// Held is the number of columns of all conditions.
func (cs Columns) Held() int {
	n := 0
	for i := range cs {
		n += cs[i].Held()
	}
	return n
}

// Names are those of the columns.
func (cs Columns) Names() []string {
	var names []string
	for _, c := range cs {
		names = append(names, c.Name)
	}
	return names
}

// Fitted says whether the conditions have been learned.
func (cs Columns) Fitted() bool {
	return !slices.ContainsFunc(cs, func(c Column) bool { return len(c.Categories) == 0 && len(c.Mean) == 0 })
}

// Check says what is wrong with conditions that came from a file. Conditions
// that are not fitted yet are sound.
func (cs Columns) Check() error {
	names := map[string]bool{}
	for i := range cs {
		c := &cs[i]
		if c.Name == "" || names[c.Name] {
			return fmt.Errorf("column %q stands there twice, or has no name", c.Name)
		}
		names[c.Name] = true
		if c.Width < 0 || c.Width > maxWidth {
			return fmt.Errorf("column %q is %d wide", c.Name, c.Width)
		}
		switch c.Kind {
		case Category:
			for j := 1; j < len(c.Categories); j++ {
				if c.ordered(c.Categories[j-1]).compare(c.ordered(c.Categories[j])) >= 0 {
					return fmt.Errorf("the categories of column %q are not in order at %q", c.Name, c.Categories[j])
				}
			}
			if c.Width > 0 || len(c.Categories) > MaxCategories || len(c.Mean)+len(c.Std) > 0 {
				return fmt.Errorf("column %q has %d categories, more than %d, or something that categories do not have", c.Name, len(c.Categories), MaxCategories)
			}
		case Number:
			if n := len(c.Mean); len(c.Std) != n || n != 0 && n != c.Numbers() || len(c.Categories) > 0 {
				return fmt.Errorf("column %q has %d means and %d deviations of %d numbers", c.Name, len(c.Mean), len(c.Std), c.Numbers())
			}
			for j, s := range c.Std {
				if !(s > 0) || math.IsInf(s, 0) || math.IsNaN(c.Mean[j]) || math.IsInf(c.Mean[j], 0) {
					return fmt.Errorf("column %q has the mean %v and the deviation %v", c.Name, c.Mean[j], s)
				}
			}
		default:
			return fmt.Errorf("column %q is of kind %q, not %s or %s", c.Name, c.Kind, Category, Number)
		}
	}
	return nil
}

// Value is the value of one condition of one row: the text of a category, or
// numbers.
type Value struct {
	Text    string
	Numbers []float64
}

// Put writes the value to the columns of the condition, c [Held]. A category
// that training did not see, or a number that is none, is an error.
func (c *Column) Put(dst []float32, v Value) error { return c.put(dst, v, nil) }

// put is Put with the places of the categories, which many rows look up.
func (c *Column) put(dst []float32, v Value, places map[string]int) error {
	if c.Kind == Category {
		clear(dst[:len(c.Categories)])
		i, ok := places[v.Text]
		if places == nil {
			i = slices.Index(c.Categories, v.Text)
			ok = i >= 0
		}
		if !ok {
			return fmt.Errorf("column %q has the category %q, which the training rows do not have; they have %s", c.Name, v.Text, c.known())
		}
		dst[i] = 1
		return nil
	}
	n := c.Numbers()
	if len(v.Numbers) != n {
		return fmt.Errorf("column %q has %d numbers where %d are expected", c.Name, len(v.Numbers), n)
	}
	for j, x := range v.Numbers {
		z := float32((x - c.Mean[j]) / c.Std[j])
		if z != z || math.IsInf(float64(z), 0) {
			return fmt.Errorf("column %q has %v, which is no finite number", c.Name, x)
		}
		dst[j] = z
	}
	dst[n] = 1
	return nil
}

// PutRow writes the values of all conditions of a row to dst [Held].
func (cs Columns) PutRow(dst []float32, row []Value) error {
	return cs.putRow(dst, row, make([]map[string]int, len(cs)))
}

// places are those of the categories of every column, nil for one of numbers.
func (cs Columns) places() []map[string]int {
	out := make([]map[string]int, len(cs))
	for i := range cs {
		if c := &cs[i]; c.Kind == Category {
			out[i] = make(map[string]int, len(c.Categories))
			for j, v := range c.Categories {
				out[i][v] = j
			}
		}
	}
	return out
}

func (cs Columns) putRow(dst []float32, row []Value, places []map[string]int) error {
	for i := range cs {
		c := &cs[i]
		if err := c.put(dst[:c.Held()], row[i], places[i]); err != nil {
			return err
		}
		dst = dst[c.Held():]
	}
	return nil
}

// known lists the first categories.
func (c *Column) known() string {
	const most = 20
	list := make([]string, 0, most+1)
	for i, v := range c.Categories {
		if i == most {
			list = append(list, "...")
			break
		}
		list = append(list, fmt.Sprintf("%q", v))
	}
	return strings.Join(list, ", ")
}

// ordered is a category with the number that it says, where the column holds numbers.
type ordered struct {
	number float64
	text   string
}

func (c *Column) ordered(text string) ordered {
	if isNumber(c.Type) {
		return ordered{number(text), text}
	}
	return ordered{0, text}
}

// compare is the order of categories: that of their numbers, then that of their bytes.
func (a ordered) compare(b ordered) int {
	if a.number != b.number { // two infinities are equal
		return cmp.Compare(a.number, b.number)
	}
	return strings.Compare(a.text, b.text)
}
