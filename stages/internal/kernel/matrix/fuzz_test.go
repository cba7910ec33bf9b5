package matrix_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/pathline/pathline/stages/internal/kernel"
	"github.com/pathline/pathline/stages/internal/kernel/matrix"
)

// numbers reads values from bytes, any bits, and begins anew at their end.
func numbers(data []byte) func() float32 {
	at := 0
	return func() float32 {
		if len(data) < 4 {
			return 1
		}
		if at+4 > len(data) {
			at = (at + 1) % (len(data) - 3)
		}
		v := math.Float32frombits(binary.LittleEndian.Uint32(data[at:]))
		at += 4
		return v
	}
}

func seeds(f *testing.F) {
	values := []byte{0, 0, 128, 63, 1, 2, 3, 60, 255, 255, 127, 127, 9, 8, 7, 188, 5}
	for _, s := range [][3]uint16{
		{1, 1, 1}, {14, 32, 64}, {15, 33, 3}, {6, 16, 129}, {29, 56, 7}, {0, 3, 2}, {3, 8, 600}, {2, 70, 9},
	} {
		f.Add(s[0], s[1], s[2], uint8(s[0]*7), values)
	}
}

func FuzzMultiply(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, m16, n16, k16 uint16, how uint8, data []byte) {
		m, n, k := int(m16%90), int(n16%140), int(k16%700)
		value := numbers(data)
		a, b := newOperand(m, k, int(how>>2&3), value), newOperand(k, n, int(how>>4&3), value)
		c := newOperand(m, n, int(how>>6&3), value)
		add := how&1 != 0
		for l := kernel.Generic; l <= kernel.Best(); l++ {
			before := kernel.Use(l)
			var p matrix.Packed
			if how&2 == 0 {
				p.Pack(b.x, b.ld, k, n)
			} else {
				w := b.transposed(1)
				p.PackTransposed(w.x, w.ld, k, n)
			}
			copy(c.whole, c.before)
			matrix.Multiply(c.x, c.ld, a.x, a.ld, &p, m, nil, add)
			for i := range m {
				for j := range n {
					s := float32(0)
					if add {
						s = c.before[margin+i*c.ld+j]
					}
					for l := range k {
						s = term(a.at(i, l), b.at(l, j), s)
					}
					same(t, l.String(), i, j, c.at(i, j), s)
				}
			}
			c.unchanged(t, "C", true)
			kernel.Use(before)
		}
	})
}

func FuzzAddTransposed(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, m16, n16, k16 uint16, how uint8, data []byte) {
		m, n, k := int(m16%90), int(n16%140), int(k16%700)
		value := numbers(data)
		a, b := newOperand(k, m, int(how>>2&3), value), newOperand(k, n, int(how>>4&3), value)
		c := newOperand(m, n, int(how>>6&3), value)
		for l := kernel.Generic; l <= kernel.Best(); l++ {
			before := kernel.Use(l)
			copy(c.whole, c.before)
			matrix.AddTransposed(c.x, c.ld, a.x, a.ld, b.x, b.ld, m, n, k)
			for i := range m {
				for j := range n {
					s := c.before[margin+i*c.ld+j]
					for l := range k {
						s = term(a.at(l, i), b.at(l, j), s)
					}
					same(t, l.String(), i, j, c.at(i, j), s)
				}
			}
			c.unchanged(t, "C", true)
			kernel.Use(before)
		}
	})
}
