package update

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"testing"
)

// TestRecorded: the bits after some steps of every rule are the same on every
// processor, whatever it does with products and sums that stand side by side.
func TestRecorded(t *testing.T) {
	for _, l := range levels() {
		restore := use(l)
		s := source(5)
		h := fnv.New64a()
		var word [4]byte
		for _, r := range rules() {
			x := s.fill(r, 1000)
			for range 3 {
				r.run(x)
			}
			for i := range x {
				for _, v := range x[i] {
					if v != v {
						v = 0 // which NaN is not the same
					}
					binary.LittleEndian.PutUint32(word[:], math.Float32bits(v))
					h.Write(word[:])
				}
			}
		}
		if got := h.Sum64(); got != 0xbdd341cd310bc909 {
			t.Errorf("%s: weights have the sum %#x", l, got)
		}
		restore()
	}
}
