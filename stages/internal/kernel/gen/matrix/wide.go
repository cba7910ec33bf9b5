package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// wides writes tiles of one and two rows over several full panels of B at once:
// in a single panel they would have so few sums that each multiply-add waits
// for the one before. They compute one block and use no mask; t.ldb is the
// distance between panels in bytes.
//
//	wideROWSxCOLUMNS(t *tile)
func wides(c *build.Context, s set) {
	for rows, columns := range s.wide {
		if columns == 0 {
			continue
		}
		name := s.function("wide", rows, columns)
		c.Function(name)
		c.Doc(fmt.Sprintf("%s adds products to %d rows by %d columns.", name, rows, columns))
		c.Attributes(nosplit)
		c.Pragma("noescape")
		c.Signature(signature("func(t *tile)"))
		w := &tile{Context: c, set: s, shape: s.shapes[0], n: rows}
		w.writeWide(columns / s.shapes[0].width * s.shapes[0].vectors)
	}
}

// writeWide writes one function for that many vectors in a row. What lies where:
// DI task; AX A; R8 lda; R13 B; R12 distance of panels and R9 three times that.
func (w *tile) writeWide(vectors int) {
	sum := func(i, v int) reg.Register { return w.register(i*vectors + v) }
	single := func(i int) reg.Register { return w.register(14 + i) }
	if w.masks {
		single = w.single
	}
	w.Load(w.Param("t"), reg.RDI)
	w.MOVQ(field(fieldA), reg.RAX)
	w.MOVQ(field(fieldStart), reg.RDX)
	w.MOVQ(field(fieldC), reg.RCX)
	w.MOVQ(field(fieldLda), reg.R8)
	w.MOVQ(field(fieldLdb), reg.R12)
	w.LEAQ(Mem{Base: reg.R12, Index: reg.R12, Scale: 2}, reg.R9)
	for i := range w.n {
		for v := range vectors {
			w.VMOVUPS(Mem{Base: reg.RDX, Disp: v * w.bytes()}, sum(i, v))
		}
		w.ADDQ(field(fieldLdstart), reg.RDX)
	}
	w.MOVQ(field(fieldB), reg.R13)
	w.MOVQ(field(fieldK), reg.R10)
	w.Label("products")
	for i := range w.n {
		a := Mem{Base: reg.RAX}
		if i > 0 {
			a.Index, a.Scale = reg.R8, 1
		}
		w.VBROADCASTSS(a, single(i))
	}
	for v := range vectors {
		b := Mem{Base: reg.R13, Disp: v % w.vectors * w.bytes()}
		switch v / w.vectors {
		case 1:
			b.Index, b.Scale = reg.R12, 1
		case 2:
			b.Index, b.Scale = reg.R12, 2
		case 3:
			b.Index, b.Scale = reg.R9, 1
		}
		if w.n == 1 {
			w.VFMADD231PS(b, single(0), sum(0, v))
			continue
		}
		w.VMOVUPS(b, w.factor(v%2))
		for i := range w.n {
			w.VFMADD231PS(w.factor(v%2), single(i), sum(i, v))
		}
	}
	w.ADDQ(Imm(4), reg.RAX)
	w.ADDQ(Imm(uint64(4*w.width)), reg.R13)
	w.DECQ(reg.R10)
	w.JNZ(LabelRef("products"))
	for i := range w.n {
		for v := range vectors {
			w.VMOVUPS(sum(i, v), Mem{Base: reg.RCX, Disp: v * w.bytes()})
		}
		w.ADDQ(field(fieldLdc), reg.RCX)
	}
	w.VZEROUPPER()
	w.RET()
}
