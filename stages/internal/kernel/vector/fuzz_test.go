package vector_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/pathline/pathline/stages/internal/kernel"
)

// FuzzElementwise: any function over any values writes nothing outside, has the
// value of a call for the element alone, and functions of one variable are
// within their bound.
func FuzzElementwise(f *testing.F) {
	for i := range entries {
		f.Add(uint8(i), uint64(i), []byte("\x00\x00\x80\x3f\x00\x00\x80\xbf\x00\x00\x80\x7f\x01\x00\x00\x80"))
	}
	f.Fuzz(func(t *testing.T, which uint8, seed uint64, data []byte) {
		defer kernel.Use(kernel.Current())
		e := entries[int(which)%len(entries)]
		r := random(seed)
		for l := kernel.Generic; l <= kernel.Best(); l++ {
			kernel.Use(l)
			position(t, &r, e, r.intn(200))
		}
		x := make([]float32, len(data)/4)
		for i := range x {
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		}
		g, got := functions[int(which)%len(functions)], make([]float32, len(x))
		for l := kernel.Generic; l <= kernel.Best(); l++ {
			kernel.Use(l)
			g.call(got, x)
			for i, v := range x {
				if u := g.units(got[i], float64(v)); !(u <= g.bound) {
					t.Errorf("%s, %s(%g) = %g, want %g: off by %.3g units", l, g.name, v, got[i], g.value(float64(v)), u)
				}
			}
		}
	})
}
