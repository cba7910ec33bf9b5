package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// blocks transposes a matrix whose rows and columns are multiples of eight, in
// blocks of 8 by 8: registers with four elements of rows i and i+4, then pairs
// and quadruples interleaved. Registers of 256 bits are as fast here as wider
// ones: the shuffles are what counts.
func blocks(m *machine, f function) {
	m.open(f)
	src, stepSrc := m.rows("src")
	dst, stepDst := m.rows("dst")
	rows := m.Load(m.Param("rows"), m.GP64()).(reg.GPVirtual)
	cols := m.Load(m.Param("cols"), m.GP64()).(reg.GPVirtual)
	m.TESTQ(cols, cols)
	m.JZ(operand.LabelRef("done"))
	m.TESTQ(rows, rows)
	m.JZ(operand.LabelRef("done"))
	m.Label("rows")
	from, to, left := m.GP64(), m.GP64(), m.GP64()
	m.MOVQ(src.base, from)
	m.MOVQ(dst.base, to)
	m.MOVQ(cols, left)
	m.Label("cols")
	block(m, from, stepSrc, to, stepDst)
	m.ADDQ(operand.Imm(32), from)
	m.LEAQ(operand.Mem{Base: to, Index: stepDst, Scale: 8}, to)
	m.SUBQ(operand.Imm(8), left)
	m.JNZ(operand.LabelRef("cols"))
	m.LEAQ(operand.Mem{Base: src.base, Index: stepSrc, Scale: 8}, src.base)
	m.ADDQ(operand.Imm(32), dst.base)
	m.SUBQ(operand.Imm(8), rows)
	m.JNZ(operand.LabelRef("rows"))
	m.Label("done")
	m.VZEROUPPER()
	m.RET()
}

// block is one block of 8 by 8.
func block(m *machine, from, stepFrom, to, stepTo reg.GPVirtual) {
	four, row, out := m.GP64(), m.GP64(), m.GP64()
	m.LEAQ(operand.Mem{Base: from, Index: stepFrom, Scale: 4}, four)
	m.MOVQ(from, row)
	var in [2][4]V // in[c][i]: columns 4c .. 4c+3 of rows i and i+4
	for i := range 4 {
		for c := range 2 {
			v := m.YMM()
			m.VMOVUPS(operand.Mem{Base: row, Disp: 16 * c}, v.AsX())
			m.VINSERTF128(operand.U8(1), operand.Mem{Base: four, Disp: 16 * c}, v, v)
			in[c][i] = v
		}
		if i < 3 {
			m.ADDQ(stepFrom, row)
			m.ADDQ(stepFrom, four)
		}
	}
	m.MOVQ(to, out)
	for c := range 2 {
		var pair [4]V // columns 0, 1 of rows 0, 1; of rows 2, 3; then columns 2, 3
		for i := range pair {
			pair[i] = m.YMM()
		}
		m.VUNPCKLPS(in[c][1], in[c][0], pair[0])
		m.VUNPCKLPS(in[c][3], in[c][2], pair[1])
		m.VUNPCKHPS(in[c][1], in[c][0], pair[2])
		m.VUNPCKHPS(in[c][3], in[c][2], pair[3])
		for j := range 4 {
			v := m.YMM()
			if j%2 == 0 {
				m.VUNPCKLPD(pair[j/2*2+1], pair[j/2*2], v)
			} else {
				m.VUNPCKHPD(pair[j/2*2+1], pair[j/2*2], v)
			}
			m.VMOVUPS(v, operand.Mem{Base: out})
			if c < 1 || j < 3 {
				m.ADDQ(stepTo, out)
			}
		}
	}
}

var transposes = narrow([]function{
	{name: "Blocks", special: "dst []float32, lddst int, src []float32, ldsrc, rows, cols int", emit: blocks},
})
