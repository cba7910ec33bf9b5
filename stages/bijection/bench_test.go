package bijection_test

import (
	"testing"

	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/bijection/bijectiontest"
	"github.com/pathline/pathline/stages/random"
)

// BenchmarkGlow is 64 images of 28 x 28 pixels through two levels of four steps.
func BenchmarkGlow(b *testing.B) {
	const rows, dim = 64, 28 * 28
	def, err := bijection.NewGlow(bijection.GlowConfig{Levels: 2, Steps: 4, Hidden: []int{32, 32}})
	if err != nil {
		b.Fatal(err)
	}
	trainable, err := def.Bijection(dim)
	if err != nil {
		b.Fatal(err)
	}
	n := trainable.(*bijection.Network)
	bijectiontest.Draw(n, 1)
	gradient := make([][]float32, len(n.Tensors()))
	for i, t := range n.Tensors() {
		gradient[i] = make([]float32, len(t.Data))
		for j := range t.Data {
			t.Data[j] *= 0.1
		}
	}
	n.Changed(nil)
	x, z := make([]float32, rows*dim), make([]float32, rows*dim)
	random.NewKey(1, "bench", "rows").Normals32Rows(x, dim, 0, rows, 0)
	for _, work := range []struct {
		name string
		do   func() error
	}{
		{"gradient", func() error { _, err := n.Gradient(b.Context(), gradient, nil, x, nil, rows); return err }},
		{"density", func() error { _, err := n.Gradient(b.Context(), nil, nil, x, nil, rows); return err }},
		{"generate", func() error { return n.Generate(b.Context(), z, x, nil, rows) }},
	} {
		b.Run(work.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := work.do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
