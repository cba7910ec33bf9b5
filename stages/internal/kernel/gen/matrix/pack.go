package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// copies writes, for every width of panels,
//
//	copyRowsWIDTH(dst, src *float32, ld, rows int, mask uint64)
//
// which copies rows > 0 rows of width columns, ld bytes apart, to rows that
// follow each other. The mask is there where the set has masks: the last vector
// of a row are its lanes, and zeros.
func copies(c *build.Context, s set) {
	for _, h := range s.shapes {
		name := fmt.Sprintf("copyRows%d%s", h.width, s.suffix())
		c.Function(name)
		c.Doc(fmt.Sprintf("%s copies rows of %d columns.", name, h.width))
		c.Attributes(nosplit)
		c.Pragma("noescape")
		if s.masks {
			c.SignatureExpr("func(dst, src *float32, ld, rows int, mask uint64)")
		} else {
			c.SignatureExpr("func(dst, src *float32, ld, rows int)")
		}
		w := &tile{Context: c, set: s, shape: h}
		c.Load(c.Param("dst"), reg.RDI)
		c.Load(c.Param("src"), reg.RSI)
		c.Load(c.Param("ld"), reg.R8)
		c.Load(c.Param("rows"), reg.R10)
		if s.masks {
			c.Load(c.Param("mask"), reg.RAX)
			c.KMOVW(reg.EAX, reg.K1)
		}
		c.Label("row")
		for v := range h.vectors {
			w.load(Mem{Base: reg.RSI, Disp: v * w.bytes()}, w.register(v), s.masks && v == h.vectors-1)
			w.store(w.register(v), Mem{Base: reg.RDI, Disp: v * w.bytes()}, false)
		}
		c.ADDQ(reg.R8, reg.RSI)
		c.ADDQ(Imm(uint64(4*h.width)), reg.RDI)
		c.DECQ(reg.R10)
		c.JNZ(LabelRef("row"))
		c.VZEROUPPER()
		c.RET()
	}
}

// transposes16 writes
//
//	transpose16AVX512(dst, src *float32, ldd, lds, rows, columns int, mask uint64)
//
// which writes the transpose of a matrix of 1 to 16 rows, lds bytes apart, and
// at least one column: 16 lanes for each column, of which those of the mask are
// stored, ldd bytes apart; lanes without a row are zero. Blocks of 16 columns
// are transposed in registers: elements by unpacking singles and pairs, then
// the quarters of registers as a 4 x 4 matrix.
func transposes16(c *build.Context) {
	c.Function("transpose16AVX512")
	c.Doc("transpose16AVX512 writes the transpose of up to 16 rows.")
	c.Attributes(nosplit)
	c.Pragma("noescape")
	c.SignatureExpr("func(dst, src *float32, ldd, lds, rows, columns int, mask uint64)")
	c.Load(c.Param("dst"), reg.RDI)
	c.Load(c.Param("src"), reg.RSI)
	c.Load(c.Param("ldd"), reg.R9)
	c.Load(c.Param("lds"), reg.R8)
	c.Load(c.Param("rows"), reg.R11)
	c.Load(c.Param("columns"), reg.R10)
	c.Load(c.Param("mask"), reg.RAX)
	c.KMOVW(reg.EAX, reg.K2)
	c.KXNORW(reg.K1, reg.K1, reg.K1)

	c.Label("block")
	c.CMPQ(reg.R10, Imm(16))
	c.JGE(LabelRef("load"))
	c.MOVQ(reg.R10, reg.RCX)
	c.MOVL(U32(1), reg.EAX)
	c.SHLL(reg.CL, reg.EAX)
	c.DECL(reg.EAX)
	c.KMOVW(reg.EAX, reg.K1)

	c.Label("load")
	c.MOVQ(reg.RSI, reg.RBX)
	c.CMPQ(reg.R11, Imm(16))
	c.JL(LabelRef("few"))
	for i := range 16 {
		c.VMOVUPS_Z(Mem{Base: reg.RBX}, reg.K1, zmm[i])
		c.ADDQ(reg.R8, reg.RBX)
	}
	c.JMP(LabelRef("turn"))
	c.Label("few")
	for i := range 15 {
		c.VMOVUPS_Z(Mem{Base: reg.RBX}, reg.K1, zmm[i])
		c.ADDQ(reg.R8, reg.RBX)
		c.CMPQ(reg.R11, Imm(uint64(i+1)))
		c.JE(LabelRef(fmt.Sprintf("zero%d", i+1)))
	}
	for i := range 15 {
		c.Label(fmt.Sprintf("zero%d", i+1))
		c.VXORPS(ymm[i+1], ymm[i+1], ymm[i+1])
	}

	c.Label("turn")
	for i := 0; i < 16; i += 2 {
		c.VUNPCKLPS(zmm[i+1], zmm[i], zmm[16+i])
		c.VUNPCKHPS(zmm[i+1], zmm[i], zmm[17+i])
	}
	for g := 0; g < 16; g += 4 {
		for h := range 2 {
			c.VUNPCKLPD(zmm[18+g+h], zmm[16+g+h], zmm[g+2*h])
			c.VUNPCKHPD(zmm[18+g+h], zmm[16+g+h], zmm[g+2*h+1])
		}
	}
	for i := range 4 {
		even, odd := Imm(0x88), Imm(0xdd)
		c.VSHUFF32X4(even, zmm[4+i], zmm[i], zmm[16])
		c.VSHUFF32X4(odd, zmm[4+i], zmm[i], zmm[17])
		c.VSHUFF32X4(even, zmm[12+i], zmm[8+i], zmm[18])
		c.VSHUFF32X4(odd, zmm[12+i], zmm[8+i], zmm[19])
		c.VSHUFF32X4(even, zmm[18], zmm[16], zmm[i])
		c.VSHUFF32X4(even, zmm[19], zmm[17], zmm[4+i])
		c.VSHUFF32X4(odd, zmm[18], zmm[16], zmm[8+i])
		c.VSHUFF32X4(odd, zmm[19], zmm[17], zmm[12+i])
	}
	for i := range 16 {
		if i > 0 {
			c.CMPQ(reg.R10, Imm(uint64(i)))
			c.JE(LabelRef("done"))
		}
		c.VMOVUPS(zmm[i], reg.K2, Mem{Base: reg.RDI})
		c.ADDQ(reg.R9, reg.RDI)
	}
	c.ADDQ(Imm(64), reg.RSI)
	c.SUBQ(Imm(16), reg.R10)
	c.JNZ(LabelRef("block"))
	c.Label("done")
	c.VZEROUPPER()
	c.RET()
}

// transposes8 writes
//
//	transpose8AVX2(dst, src *float32, ldd, lds, blocks int)
//
// which writes the transpose of a matrix of 8 rows and blocks > 0 times 8
// columns.
func transposes8(c *build.Context) {
	c.Function("transpose8AVX2")
	c.Doc("transpose8AVX2 writes the transpose of 8 rows.")
	c.Attributes(nosplit)
	c.Pragma("noescape")
	c.SignatureExpr("func(dst, src *float32, ldd, lds, blocks int)")
	c.Load(c.Param("dst"), reg.RDI)
	c.Load(c.Param("src"), reg.RSI)
	c.Load(c.Param("ldd"), reg.R9)
	c.Load(c.Param("lds"), reg.R8)
	c.Load(c.Param("blocks"), reg.R10)
	c.Label("block")
	c.MOVQ(reg.RSI, reg.RBX)
	for i := range 8 {
		c.VMOVUPS(Mem{Base: reg.RBX}, ymm[i])
		c.ADDQ(reg.R8, reg.RBX)
	}
	for i := 0; i < 8; i += 2 {
		c.VUNPCKLPS(ymm[i+1], ymm[i], ymm[8+i])
		c.VUNPCKHPS(ymm[i+1], ymm[i], ymm[9+i])
	}
	for g := 0; g < 8; g += 4 {
		for h := range 2 {
			c.VUNPCKLPD(ymm[10+g+h], ymm[8+g+h], ymm[g+2*h])
			c.VUNPCKHPD(ymm[10+g+h], ymm[8+g+h], ymm[g+2*h+1])
		}
	}
	for i := range 4 {
		c.VPERM2F128(Imm(0x20), ymm[4+i], ymm[i], ymm[8+i])
		c.VPERM2F128(Imm(0x31), ymm[4+i], ymm[i], ymm[12+i])
	}
	for i := range 8 {
		c.VMOVUPS(ymm[8+i], Mem{Base: reg.RDI})
		c.ADDQ(reg.R9, reg.RDI)
	}
	c.ADDQ(Imm(32), reg.RSI)
	c.DECQ(reg.R10)
	c.JNZ(LabelRef("block"))
	c.VZEROUPPER()
	c.RET()
}
