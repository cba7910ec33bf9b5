package bijection

import (
	"context"
	"fmt"

	"github.com/pathline/pathline/stages/autodiff"
)

// starter is a layer whose first weights depend on what comes to it. Its Normalize
// calls Builder.begins.
type starter interface {
	// start gives weights by name from numbers x [.., columns].
	start(x []float32, columns int) map[string][]float32
}

// start is a layer that begins from data, the prefix of its weights and what comes
// to it.
type start struct {
	prefix string
	layer  starter
	x      Value
}

// begins says that a layer begins from x.
func (b *Builder) begins(l starter, x Value) {
	if b.starts != nil {
		*b.starts = append(*b.starts, start{b.prefix, l, x})
	}
}

// Start implements Started: each layer that has weights to take from data takes
// them from the rows as the layers before it, which have begun already, leave
// them.
func (n *Network) Start(ctx context.Context, x []float32, rows int) error {
	for i := 0; ; i++ {
		g, b, data := n.row()
		var starts []start
		b.starts = &starts
		z, _ := n.layer.Normalize(b, data)
		n.base.Density(b, z) // declares its weights
		if i == len(starts) {
			break
		}
		s := starts[i]
		columns, places := lastAxis(s.x)
		p, err := autodiff.Compile(g, s.x)
		if err != nil {
			return fmt.Errorf("bijection: %w", err)
		}
		bound, err := p.Bind(n.weights.Data())
		if err != nil {
			return fmt.Errorf("bijection: %w", err)
		}
		y := make([]float32, rows*places*columns)
		for r := 0; r < rows; r += piece {
			if err := ctx.Err(); err != nil {
				return err
			}
			to := min(rows, r+piece)
			bound.Call(to-r, false, [][]float32{x[r*n.Dim() : to*n.Dim()]}, [][]float32{y[r*places*columns : to*places*columns]})
		}
		for name, w := range s.layer.start(y, columns) {
			copy(n.weights.Of(s.prefix+name), w)
		}
	}
	n.Changed(nil)
	return nil
}
