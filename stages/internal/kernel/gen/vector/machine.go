package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// set is an instruction set.
type set struct {
	name, suffix string
	wide         bool // 16 lanes and mask registers
	lanes        int
	repeat       int // of a constant in memory: 1 where a load can spread it
	registers    int
}

var (
	avx512 = set{name: "avx512", suffix: "AVX512", wide: true, lanes: 16, repeat: 1, registers: 32}
	avx2   = set{name: "avx2", suffix: "AVX2", lanes: 8, repeat: 8, registers: 16}
)

// machine emits instructions for vectors of one instruction set. Unless it says
// otherwise, an operation leaves its operands and returns a new register.
type machine struct {
	*build.Context
	set   set
	table *table
	held  map[uint32]reg.Register // constants in registers
	used  map[uint32]int          // constants that the body asked for
	order []uint32
	holds int // constants in registers at most
}

// V is a register of one vector.
type V = reg.Register

func (m *machine) vec() V {
	if m.set.wide {
		return m.ZMM()
	}
	return m.YMM()
}

// reg is x in a register.
func (m *machine) reg(x operand.Op) V {
	if c, ok := x.(constant); ok {
		v := m.vec()
		if m.set.wide {
			m.VBROADCASTSS(c.Mem, v)
		} else {
			m.VMOVUPS(c.Mem, v)
		}
		return v
	}
	return x.(V)
}

// copy is a new register with x.
func (m *machine) copy(x operand.Op) V {
	if _, ok := x.(constant); ok {
		return m.reg(x)
	}
	v := m.vec()
	m.VMOVAPS(x, v)
	return v
}
