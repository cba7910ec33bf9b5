package main

import (
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// tile writes one function. What lies where:
//
//	DI task; SI first row (column) of A of the block; DX start; CX C; R11 blocks left
//	R8 lda; R9 3 lda, or ldb if transposed; AX, BX, R12 rows 0, 5, 10 of A; R13 B; R10 l left
type tile struct {
	*build.Context
	set
	shape
	n          int // rows
	transposed bool
}

func (w *tile) write() {
	w.enter()
	w.Label("block")
	w.begin()
	w.sources()
	w.MOVQ(field(fieldB), reg.R13)
	w.MOVQ(field(fieldK), reg.R10)
	switch {
	case w.masks:
		w.products("products", w.transposed)
		w.finish(true)
	case w.transposed:
		// AVX2 pays for masks, so full panels go without.
		w.CMPQ(field(fieldMask), Imm(0xff))
		w.JNE(LabelRef("edge"))
		w.products("products", false)
		w.finish(false)
		w.leave()
		w.Label("edge")
		w.products("edgeProducts", true)
		w.finish(true)
	default:
		w.products("products", false)
		w.CMPQ(field(fieldMask), Imm(0xff))
		w.JNE(LabelRef("edge"))
		w.finish(false)
		w.leave()
		w.Label("edge")
		w.finish(true)
	}
	w.leave()
}

// field is a field of the task.
func field(at int) Mem { return Mem{Base: reg.RDI, Disp: at} }

// enter reads the task.
func (w *tile) enter() {
	w.Load(w.Param("t"), reg.RDI)
	w.MOVQ(field(fieldA), reg.RSI)
	w.MOVQ(field(fieldStart), reg.RDX)
	w.MOVQ(field(fieldC), reg.RCX)
	w.MOVQ(field(fieldLda), reg.R8)
	if w.transposed {
		w.MOVQ(field(fieldLdb), reg.R9)
	} else {
		w.LEAQ(Mem{Base: reg.R8, Index: reg.R8, Scale: 2}, reg.R9)
	}
	w.MOVQ(field(fieldBlocks), reg.R11)
	if w.masks {
		w.KMOVW(field(fieldMask), reg.K1)
	} else {
		w.MOVQ(field(fieldLanes), reg.RAX)
		w.VMOVUPS(Mem{Base: reg.RAX}, reg.Y15)
	}
}

// leave goes on with the next block, or returns.
func (w *tile) leave() {
	w.DECQ(reg.R11)
	w.JNZ(LabelRef("block"))
	w.VZEROUPPER()
	w.RET()
}

// begin loads the starts of a block's sums.
func (w *tile) begin() {
	shared := !w.transposed && w.n > 1 // perhaps by all rows
	if shared {
		w.MOVQ(field(fieldLdstart), reg.RAX)
		w.TESTQ(reg.RAX, reg.RAX)
		w.JNZ(LabelRef("own"))
		for v := range w.vectors {
			w.load(Mem{Base: reg.RDX, Disp: v * w.bytes()}, w.sum(0, v), v == w.vectors-1)
		}
		for i := 1; i < w.n; i++ {
			for v := range w.vectors {
				w.VMOVAPS(w.sum(0, v), w.sum(i, v))
			}
		}
		w.JMP(LabelRef("begun"))
		w.Label("own")
	}
	for i := range w.n {
		for v := range w.vectors {
			w.load(Mem{Base: reg.RDX, Disp: v * w.bytes()}, w.sum(i, v), v == w.vectors-1)
		}
		w.ADDQ(field(fieldLdstart), reg.RDX)
	}
	if shared {
		w.Label("begun")
	}
}

// sources finds the rows (columns, if transposed) of A, and those of the next
// block.
func (w *tile) sources() {
	w.MOVQ(reg.RSI, reg.RAX)
	if w.transposed {
		w.ADDQ(Imm(uint64(4*w.n)), reg.RSI)
		return
	}
	if w.n > 5 {
		w.multiple(reg.RAX, 5, reg.RBX)
	}
	if w.n > 10 {
		w.multiple(reg.RAX, 10, reg.R12)
	}
	w.multiple(reg.RSI, w.n, reg.RSI)
}

// products is the loop over the summed index.
func (w *tile) products(label string, masked bool) {
	w.Label(label)
	for v := range w.vectors {
		w.load(Mem{Base: reg.R13, Disp: v * w.bytes()}, w.factor(v), masked && v == w.vectors-1)
	}
	for i := range w.n {
		if w.vectors == 1 && w.masks {
			w.VFMADD231PS_BCST(w.element(i), w.factor(0), w.sum(i, 0))
			continue
		}
		w.VBROADCASTSS(w.element(i), w.single(i))
		for v := range w.vectors {
			w.VFMADD231PS(w.single(i), w.factor(v), w.sum(i, v))
		}
	}
	if w.transposed {
		w.ADDQ(reg.R8, reg.RAX)
		w.ADDQ(reg.R9, reg.R13)
	} else {
		w.ADDQ(Imm(4), reg.RAX)
		if w.n > 5 {
			w.ADDQ(Imm(4), reg.RBX)
		}
		if w.n > 10 {
			w.ADDQ(Imm(4), reg.R12)
		}
		w.ADDQ(Imm(uint64(4*w.width)), reg.R13)
	}
	w.DECQ(reg.R10)
	w.JNZ(LabelRef(label))
}

// finish stores the sums.
func (w *tile) finish(masked bool) {
	for i := range w.n {
		for v := range w.vectors {
			w.store(w.sum(i, v), Mem{Base: reg.RCX, Disp: v * w.bytes()}, masked && v == w.vectors-1)
		}
		w.ADDQ(field(fieldLdc), reg.RCX)
	}
}
