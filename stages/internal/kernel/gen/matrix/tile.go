package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The fields of the struct tile of the package matrix, in bytes.
const (
	fieldC = 8 * iota
	fieldStart
	fieldA
	fieldB
	fieldLdc
	fieldLdstart
	fieldLda
	fieldLdb
	fieldK
	fieldBlocks
	fieldMask
)

// shape is a width of tiles: vectors of lanes, for every number of rows up to
// the most.
type shape struct {
	width, vectors, rows int
}

// set is an instruction set: its shapes and how it writes the few instructions
// of a tile.
type set struct {
	shapes []shape
	masks  bool
	wide   []int // columns of wide tiles, by the number of rows
}

var (
	avx512 = set{[]shape{{32, 2, 14}, {16, 1, 14}, {8, 1, 14}}, true, []int{1: 64, 2: 64}}
	avx2   = set{[]shape{{16, 2, 6}, {8, 1, 6}}, false, []int{1: 64, 2: 32}}
)

// tiles writes one function for every shape and number of rows:
//
//	NAMErowsxwidth(t *tile)
//
// computes t.blocks blocks of rows of C, one below the other: every element
// starts with what stands at start, and the products of its row of A (its
// column, if transposed) and its column of B are added in their order.
// With masks, the last vector of each row of C and of start, and if transposed
// of B, are the lanes of t.mask alone.
func tiles(c *build.Context, s set, name string, transposed bool) {
	for _, h := range s.shapes {
		for rows := 1; rows <= h.rows; rows++ {
			c.Function(s.function(name, rows, h.width))
			c.Doc(fmt.Sprintf("%s adds products to blocks of %d rows by %d columns.",
				s.function(name, rows, h.width), rows, h.width))
			c.Attributes(nosplit)
			c.Pragma("noescape")
			c.Signature(signature("func(t *tile)"))
			w := &tile{Context: c, set: s, shape: h, n: rows, transposed: transposed}
			w.write()
		}
	}
}

func (s set) function(name string, rows, width int) string {
	return fmt.Sprintf("%s%dx%d%s", name, rows, width, s.suffix())
}

func (s set) suffix() string {
	if s.masks {
		return "AVX512"
	}
	return "AVX2"
}

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
	field := func(at int) Mem { return Mem{Base: reg.RDI, Disp: at} }
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
	}

	w.Label("block")
	if !w.transposed && w.n > 1 {
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
	if !w.transposed && w.n > 1 {
		w.Label("begun")
	}
	w.MOVQ(reg.RSI, reg.RAX)
	if w.transposed {
		w.ADDQ(Imm(uint64(4*w.n)), reg.RSI)
	} else {
		if w.n > 5 {
			w.multiple(reg.RAX, 5, reg.RBX)
		}
		if w.n > 10 {
			w.multiple(reg.RAX, 10, reg.R12)
		}
		w.multiple(reg.RSI, w.n, reg.RSI)
	}
	w.MOVQ(field(fieldB), reg.R13)
	w.MOVQ(field(fieldK), reg.R10)

	w.Label("products")
	for v := range w.vectors {
		w.load(Mem{Base: reg.R13, Disp: v * w.bytes()}, w.factor(v), w.transposed && v == w.vectors-1)
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
	w.JNZ(LabelRef("products"))

	for i := range w.n {
		for v := range w.vectors {
			w.store(w.sum(i, v), Mem{Base: reg.RCX, Disp: v * w.bytes()}, v == w.vectors-1)
		}
		w.ADDQ(field(fieldLdc), reg.RCX)
	}
	w.DECQ(reg.R11)
	w.JNZ(LabelRef("block"))
	w.VZEROUPPER()
	w.RET()
}

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
	return w.register(14 + i%2)
}

func (w *tile) register(i int) reg.Register {
	if w.bytes() == 64 {
		return zmm[i]
	}
	return ymm[i]
}

// load and store move a vector; the last one of a row is masked where the set
// has masks.
func (w *tile) load(from Mem, to reg.Register, last bool) {
	if last && w.masks {
		w.VMOVUPS_Z(from, reg.K1, to)
		return
	}
	w.VMOVUPS(from, to)
}

func (w *tile) store(from reg.Register, to Mem, last bool) {
	if last && w.masks {
		w.VMOVUPS(from, reg.K1, to)
		return
	}
	w.VMOVUPS(from, to)
}
