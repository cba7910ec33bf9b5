package bijection

import (
	"context"
	"strconv"

	"github.com/pathline/pathline/stages/model"
)

// Start implements Started: each layer of a chain that has weights to take from
// data takes them from the rows as the layers before it leave them.
func (n *Network) Start(ctx context.Context, x []float32, rows int) error {
	chain, ok := n.layer.(Chain)
	if !ok {
		chain = Chain{n.layer}
	}
	last := -1
	for i, l := range chain {
		if _, ok := l.(starter); ok {
			last = i
		}
	}
	x = append([]float32(nil), x[:rows*n.dim]...)
	z := make([]float32, len(x))
	for i := range last + 1 {
		prefix := ""
		if ok {
			prefix = strconv.Itoa(i) + "."
		}
		if s, ok := chain[i].(starter); ok {
			for name, w := range s.start(x, rows, n.dim) {
				copy(n.weights.Of(prefix+name), w)
			}
		}
		one, err := NewNetwork(n.dim, chain[i], n.base)
		if err != nil {
			return err
		}
		for _, t := range one.Tensors() {
			copy(t.Data, n.weights.Of(prefix+t.Name))
		}
		one.Changed(nil)
		if err := one.Normalize(ctx, z, x, nil, rows); err != nil {
			return err
		}
		x, z = z, x
	}
	n.Changed(nil)
	return nil
}

// Restore copies weights by name, as a file has them; ok is false when they do
// not fit.
func Restore(to Weights, tensors []model.Tensor) (missing string, ok bool) {
	byName := make(map[string]model.Tensor, len(tensors))
	for _, t := range tensors {
		byName[t.Name] = t
	}
	for _, t := range to.Tensors() {
		from, ok := byName[t.Name]
		if !ok || len(from.Data) != len(t.Data) {
			return t.Name, false
		}
		copy(t.Data, from.Data)
	}
	to.Changed(nil)
	return "", true
}
