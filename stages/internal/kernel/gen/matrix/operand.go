package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// bytes is the size of a vector.
func (w *tile) bytes() int { return 4 * w.width / w.vectors }

// element is where A's element for row i of the tile stands.
func (w *tile) element(i int) Mem {
	if w.transposed {
		return Mem{Base: reg.RAX, Disp: 4 * i}
	}
	m := Mem{Base: []reg.GPPhysical{reg.RAX, reg.RBX, reg.R12}[i/5]}
	switch i % 5 {
	case 1, 2, 4:
		m.Index, m.Scale = reg.R8, uint8(i%5)
	case 3:
		m.Index, m.Scale = reg.R9, 1
	}
	return m
}

// multiple writes x + n lda to y.
func (w *tile) multiple(x reg.Register, n int, y reg.Register) {
	for n > 0 {
		m := Mem{Base: x, Index: reg.R8, Scale: 1}
		switch {
		case n >= 8:
			m.Scale, n = 8, n-8
		case n >= 4:
			m.Scale, n = 4, n-4
		case n == 3:
			m.Index, n = reg.R9, 0
		default:
			m.Scale, n = uint8(n), 0
		}
		w.LEAQ(m, y)
		x = y
	}
}

// sum, factor and single are the registers of C, of B and of A's elements.
func (w *tile) sum(i, v int) reg.Register { return w.register(i*w.vectors + v) }

func (w *tile) factor(v int) reg.Register {
	if w.masks {
		return w.register(28 + v)
	}
	return w.register(12 + v)
}

func (w *tile) single(i int) reg.Register {
	if w.masks {
		return w.register(30 + i%2)
	}
	return w.register(14)
}

func (w *tile) register(i int) reg.Register {
	if w.bytes() == 64 {
		return zmm[i]
	}
	return ymm[i]
}

// load and store move a vector, or the lanes of the mask.
func (w *tile) load(from Mem, to reg.Register, masked bool) {
	switch {
	case masked && w.masks:
		w.VMOVUPS_Z(from, reg.K1, to)
	case masked:
		w.VMASKMOVPS(from, reg.Y15, to)
	default:
		w.VMOVUPS(from, to)
	}
}

func (w *tile) store(from reg.Register, to Mem, masked bool) {
	switch {
	case masked && w.masks:
		w.VMOVUPS(from, reg.K1, to)
	case masked:
		w.VMASKMOVPS(from, reg.Y15, to)
	default:
		w.VMOVUPS(from, to)
	}
}
