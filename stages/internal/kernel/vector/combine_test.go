package vector_test

import (
	"testing"

	"github.com/pathline/pathline/stages/internal/kernel"
	"github.com/pathline/pathline/stages/internal/kernel/vector"
)

// TestCombine: the sum is taken term after term with fused products, then added.
func TestCombine(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := random(6)
		for terms := range 9 {
			const n = 77
			base, hs, c := finite(&r, n), finite(&r, n), finite(&r, terms)
			k := make([][]float32, terms)
			for j := range k {
				k[j] = finite(&r, n)
			}
			got, uniform := make([]float32, n), make([]float32, n)
			vector.Combine(got, base, hs, k, c)
			vector.CombineUniform(uniform, base, hs[0], k, c)
			for i := range base {
				for _, v := range []struct{ h, got float32 }{{hs[i], got[i]}, {hs[0], uniform[i]}} {
					var s float32
					for j := range k {
						s = fused(v.h*c[j], k[j][i], s)
					}
					want := base[i] + s
					if v.got != want && !(kernel.Current() == kernel.Generic && tie(v.got, want)) {
						t.Fatalf("%d terms: element %d is %g, want %g", terms, i, v.got, want)
					}
				}
			}
		}
	})
}
