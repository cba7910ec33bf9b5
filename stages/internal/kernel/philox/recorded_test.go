package philox

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"testing"
)

// TestRecorded: the bits of a hundred thousand draws are the same on every
// processor, whatever it does with products and sums that stand side by side.
func TestRecorded(t *testing.T) {
	const rows, dim = 5000, 5
	a, b := make([]float32, rows*dim), make([]float64, rows*dim)
	eachLevel(t, func(t *testing.T) {
		h := fnv.New64a()
		var word [8]byte
		Normals32Rows(a, dim, rows, Counter{Key: 1})
		for _, v := range a {
			binary.LittleEndian.PutUint32(word[:], math.Float32bits(v))
			h.Write(word[:4])
		}
		for _, draw := range []func(){
			func() { Normals64Rows(b, dim, rows, Counter{Key: 2}) },
			func() { UniformRows(b, Counter{Key: 3}) },
			func() { Normals64(b, Counter{Key: 4}) },
		} {
			draw()
			for _, v := range b {
				binary.LittleEndian.PutUint64(word[:], math.Float64bits(v))
				h.Write(word[:])
			}
		}
		if got := h.Sum64(); got != 0xe5d88036bbd9cf7b {
			t.Errorf("draws have the sum %#x", got)
		}
	})
}
