package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// slice is a slice of the arguments.
type slice struct {
	base reg.GPVirtual
}

func (s slice) at(index operand.Op, offset int) operand.Mem {
	return operand.Mem{Base: s.base, Index: index.(reg.Register), Scale: 4, Disp: offset}
}

// loads and stores of a whole vector or of the lanes of mask.

func (m *machine) load(from operand.Mem, mask reg.Register) V {
	v := m.vec()
	switch {
	case mask == nil:
		m.VMOVUPS(from, v)
	case m.set.wide:
		m.VMOVUPS_Z(from, mask, v)
	default:
		m.VMASKMOVPS(from, mask, v)
	}
	return v
}

func (m *machine) store(v V, to operand.Mem, mask reg.Register) {
	switch {
	case mask == nil:
		m.VMOVUPS(v, to)
	case m.set.wide:
		m.VMOVUPS(v, mask, to)
	default:
		m.VMASKMOVPS(v, mask, to)
	}
}

// first is the mask of the first n lanes, 0 < n < lanes.
func (m *machine) first(n reg.GPVirtual) reg.Register {
	if m.set.wide {
		ones := m.GP32()
		m.MOVL(operand.U32(0xffffffff), ones)
		m.BZHIL(n.As32(), ones, ones)
		k := m.K()
		m.KMOVW(ones, k)
		return k
	}
	at, count := m.GP64(), m.GP64()
	m.LEAQ(operand.NewDataAddr(operand.NewStaticSymbol(masksName), 32), at)
	m.MOVQ(n, count)
	m.NEGQ(count)
	v := m.vec()
	m.VMOVUPS(operand.Mem{Base: at, Index: count, Scale: 4}, v)
	return v
}

func (m *machine) slice(name string) slice {
	return slice{m.Load(m.Param(name).Base(), m.GP64()).(reg.GPVirtual)}
}

// paramMem is where a scalar argument lies.
func (m *machine) paramMem(name string) operand.Mem {
	b, err := m.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}
