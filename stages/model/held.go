package model

import "fmt"

// Conditional is an optional extension of a [Definition]: its networks take
// conditions, columns that are held: a solver carries them along, and their
// velocity is zero.
type Conditional interface {
	Definition
	// BuildHeld makes the network for rows of dim columns and, behind them, held
	// columns of conditions; weights zero. The network has Dim() = dim + held. It
	// writes zero for the columns held, and its divergence and its probes are
	// those of the first dim columns.
	BuildHeld(dim, held int) (Network, error)
}

// Holder is an optional extension of a [Field]: its last columns are held.
type Holder interface {
	Held() int
}

// Held is the number of columns that a field holds, the last ones of its rows.
func Held(field any) int {
	if h, ok := field.(Holder); ok {
		return h.Held()
	}
	return 0
}

// fits says whether a network can have so many columns.
func fits(model string, dim, held int) error {
	if dim < 1 || held < 0 || dim > maxWidth || held > maxWidth {
		return fmt.Errorf("model: %s: %d columns and %d of conditions, there must be between 1 and %d", model, dim, held, maxWidth)
	}
	return nil
}

// Build makes the network of a definition for rows of dim columns and held
// columns of conditions behind them. A definition that takes no conditions is an
// error when there are some.
func Build(d Definition, dim, held int) (Network, error) {
	if held == 0 {
		return d.Build(dim)
	}
	c, ok := d.(Conditional)
	if !ok {
		return nil, fmt.Errorf("model: %s takes no conditions, and the rows have some", d.Use())
	}
	return c.BuildHeld(dim, held)
}
