package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// loop emits a function NAME(dst, stride, n, l): body writes the draws of the
// next lanes to to, until n bundles are done. A stride is in bytes; l is the first
// field of a struct lanes, which is moved on.
func (m *machine) loop(name, element string, body func(c *counter, to, stride reg.GPVirtual)) {
	m.Function(name + m.set.suffix)
	m.Attributes(attr.NOSPLIT)
	m.Pragma("noescape")
	m.SignatureExpr(fmt.Sprintf("func(dst *%s, stride, n int, l *uint64)", element))
	to, stride, n, at := m.GP64(), m.GP64(), m.GP64(), m.GP64()
	m.Load(m.Param("dst"), to)
	m.Load(m.Param("stride"), stride)
	m.Load(m.Param("n"), n)
	m.Load(m.Param("l"), at)
	c := m.counter(at)
	m.TESTQ(n, n)
	m.JE(operand.LabelRef("done"))
	m.Label("next")
	body(c, to, stride)
	m.DECQ(n)
	m.JNE(operand.LabelRef("next"))
	m.Label("done")
	m.VZEROUPPER()
	m.RET()
}

func blocks(m *machine) {
	m.loop("blocks", "uint32", func(c *counter, to, stride reg.GPVirtual) {
		w := m.words(c)
		m.storePairs(m.joined(w[0], w[1]), m.joined(w[2], w[3]), to, stride)
	})
}

func uniforms(m *machine) {
	m.loop("uniforms", "float64", func(c *counter, to, _ reg.GPVirtual) {
		w := m.words(c)
		u := m.mul(m.top53(w[0], w[1]), f(0x1p-53))
		for i, v := range u {
			m.VMOVUPD(v, operand.Mem{Base: to, Disp: 8 * i * m.set.lanes})
		}
		m.ADDQ(operand.I32(8*m.set.lanes*m.set.bundle), to)
	})
}

// normals32 writes the first width normals of a block of 32-bit uniforms, one
// pair of words after the other.
func normals32(m *machine, width int) {
	m.loop(fmt.Sprintf("normals32x%d", width), "float32", func(c *counter, to, stride reg.GPVirtual) {
		w := m.words(c)
		second := m.GP64()
		take := [2]func() V{}
		if width > 2 {
			m.LEAQ(operand.Mem{Base: to, Disp: 8}, second)
			take = [2]func() V{m.put(w[2]), m.put(w[3])}
		}
		a, b := m.pair(m.halfway(w[0]), 32, m.halfway(w[1]), 0x1p-30)
		m.storeFloats(m.narrow(a), m.narrow(b), min(width, 2), to, stride)
		if width > 2 {
			a, b := m.pair(m.halfway(take[0]()), 32, m.halfway(take[1]()), 0x1p-30)
			m.storeFloats(m.narrow(a), m.narrow(b), width-2, second, stride)
		}
	})
}

// normals64 writes the first width normals of a block of 53-bit uniforms.
func normals64(m *machine, width int) {
	m.loop(fmt.Sprintf("normals64x%d", width), "float64", func(c *counter, to, stride reg.GPVirtual) {
		w := m.words(c)
		one := m.sub(m.constant(f(0x1p53)), m.top53(w[0], w[1]))
		a, b := m.pair(one, 53, m.top53(w[2], w[3]), 0x1p-51)
		if width == 1 {
			m.storeSingles(a, to, stride)
		} else {
			m.storePairs(a, b, to, stride)
		}
	})
}

// pair is the transform of Box and Muller for u1 = x 2^-scale and u2 = y turn/4.
func (m *machine) pair(x V, scale int, y V, turn float64) (a, b V) {
	r := m.sqrt(m.mul(m.logarithm(x, scale), f(-2)))
	sin, cos := m.circle(y, turn)
	return m.mul(r, cos), m.mul(r, sin)
}

// put lays x aside, on the stack where registers are few; take brings it back.
func (m *machine) put(x V) (take func() V) {
	if m.set.wide {
		return func() V { return x }
	}
	size := 8 * m.set.lanes
	local := m.AllocLocal(len(x) * size)
	for i, v := range x {
		m.VMOVUPD(v, local.Offset(i*size))
	}
	return func() V {
		y := m.vec()
		for i, v := range y {
			m.VMOVUPD(local.Offset(i*size), v)
		}
		return y
	}
}
