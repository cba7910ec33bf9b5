package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// combine keeps the sums of a strip in registers and goes over the terms.
func combine(uniform bool) func(*machine, function) {
	return func(m *machine, f function) {
		m.open(f)
		dst, base, k, coef := m.slice("dst"), m.slice("base"), m.slice("k"), m.slice("coef")
		n := m.Load(m.Param("dst").Len(), m.GP64()).(reg.GPVirtual)
		terms := m.Load(m.Param("coef").Len(), m.GP64()).(reg.GPVirtual)
		var hs slice
		var h V
		if uniform {
			h = m.vec()
			m.VBROADCASTSS(m.paramMem("h"), h)
		} else {
			hs = m.slice("hs")
		}
		index := m.GP64()
		m.XORQ(index, index)
		strip := func(label string, vectors int, mask reg.Register) {
			at := func(u int) int { return 4 * u * m.set.lanes }
			sum, step := make([]V, vectors), make([]V, vectors)
			for u := range vectors {
				sum[u] = m.vec()
				m.VXORPS(sum[u], sum[u], sum[u])
				if !uniform {
					step[u] = m.load(hs.at(index, at(u)), mask)
				}
			}
			header, j, slope := m.GP64(), m.GP64(), slice{m.GP64()}
			m.MOVQ(k.base, header)
			m.XORQ(j, j)
			m.CMPQ(j, terms)
			m.JE(operand.LabelRef(label + "end"))
			m.Label(label)
			m.MOVQ(operand.Mem{Base: header}, slope.base)
			c, w := m.vec(), m.vec()
			m.VBROADCASTSS(coef.at(j, 0), c)
			if uniform {
				m.VMULPS(h, c, w)
			}
			for u := range vectors {
				if !uniform {
					w = m.vec()
					m.VMULPS(step[u], c, w)
				}
				m.VFMADD231PS(m.loaded(slope.at(index, at(u)), mask), w, sum[u])
			}
			m.ADDQ(operand.Imm(24), header) // the size of a slice
			m.INCQ(j)
			m.CMPQ(j, terms)
			m.JNE(operand.LabelRef(label))
			m.Label(label + "end")
			for u := range vectors {
				v := m.vec()
				m.VADDPS(m.loaded(base.at(index, at(u)), mask), sum[u], v)
				m.store(v, dst.at(index, at(u)), mask)
			}
		}
		m.strips(n, index, []int{4, 1}, strip)
		m.Label("done")
		m.VZEROUPPER()
		m.RET()
	}
}

var combinations = []function{
	{name: "Combine", special: "dst, base, hs []float32, k [][]float32, coef []float32", emit: combine(false)},
	{name: "CombineUniform", special: "dst, base []float32, h float32, k [][]float32, coef []float32",
		emit: combine(true)},
}
