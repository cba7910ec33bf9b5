package model

import (
	"fmt"
	"slices"
)

// Copy copies weights by name, in whatever order they come. Where from does not have
// the names and shapes of to, and no others, it is an error that says which, and
// nothing is copied. Who owns the network calls its Changed.
func Copy(to, from []Tensor) error {
	if len(from) != len(to) {
		return fmt.Errorf("there are %d tensors where the model has %d", len(from), len(to))
	}
	byName := make(map[string]Tensor, len(from))
	for _, t := range from {
		byName[t.Name] = t
	}
	for _, t := range to {
		if f, ok := byName[t.Name]; !ok || !slices.Equal(f.Shape, t.Shape) || len(f.Data) != len(t.Data) {
			return fmt.Errorf("there is no tensor %q of shape %v", t.Name, t.Shape)
		}
	}
	for _, t := range to {
		copy(t.Data, byName[t.Name].Data)
	}
	return nil
}
