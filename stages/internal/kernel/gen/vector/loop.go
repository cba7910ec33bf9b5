package main

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// body computes the outputs for one vector of each input.
type body func(m *machine, in []V) (out []V)

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

// open starts the function with the arguments of f.
func (m *machine) open(f function) {
	m.Function(symbol(f.lower(), m.set))
	m.Attributes(attr.NOSPLIT)
	m.Pragma("noescape")
	m.SignatureExpr(f.signature())
	m.held, m.used, m.order = nil, map[uint32]int{}, nil
}

func (m *machine) slice(name string) slice {
	return slice{m.Load(m.Param(name).Base(), m.GP64()).(reg.GPVirtual)}
}

// elementwise is a loop over slices: outputs are the first of f.slices, the rest
// are inputs; an output that is read (MulAdd) is among the inputs by position -1.
func elementwise(outputs, unroll int, b body) func(*machine, function) {
	return func(m *machine, f function) {
		m.open(f)
		names := f.slices()
		n := m.Load(m.Param(names[0]).Len(), m.GP64()).(reg.GPVirtual)
		var slices []slice
		for _, name := range names {
			slices = append(slices, m.slice(name))
		}
		inputs := slices[outputs:]
		if f.updates {
			inputs = slices
		}
		var scalar V
		if f.scalar {
			scalar = m.vec()
			m.VBROADCASTSS(m.paramMem("s"), scalar)
		}
		run := func(m *machine, at func(slice, int) operand.Mem, mask reg.Register, times int) {
			for u := range times {
				var in []V
				for _, s := range inputs {
					in = append(in, m.load(at(s, u), mask))
				}
				if f.scalar {
					in = append(in, scalar)
				}
				if f.stop != nil {
					m.jumpIfAny(f.stop(m, in[0]), "stop")
				}
				for i, v := range b(m, in) {
					m.store(v, at(slices[i], u), mask)
				}
			}
		}
		m.hold(func(dry *machine) {
			var in []V
			for range len(inputs) {
				in = append(in, dry.vec())
			}
			b(dry, append(in, dry.vec()))
		})
		index := m.GP64()
		m.XORQ(index, index)
		at := func(s slice, u int) operand.Mem { return s.at(index, 4*u*m.set.lanes) }
		for _, times := range []int{unroll, 1} {
			step := times * m.set.lanes
			loop, end := fmt.Sprintf("loop%d", times), fmt.Sprintf("end%d", times)
			m.SUBQ(operand.Imm(uint64(step)), n)
			m.JLT(operand.LabelRef(end))
			m.Label(loop)
			run(m, at, nil, times)
			m.ADDQ(operand.Imm(uint64(step)), index)
			m.SUBQ(operand.Imm(uint64(step)), n)
			m.JGE(operand.LabelRef(loop))
			m.Label(end)
			m.ADDQ(operand.Imm(uint64(step)), n)
			if unroll == 1 {
				break
			}
		}
		m.JZ(operand.LabelRef("done"))
		run(m, at, m.first(n), 1)
		m.Label("done")
		if f.stop != nil {
			m.ADDQ(n, index)
			m.Label("stop")
			m.Store(index, m.ReturnIndex(0))
		}
		m.VZEROUPPER()
		m.RET()
	}
}

func (m *machine) paramMem(name string) operand.Mem {
	b, err := m.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

func lower(name string) string {
	n := 1
	for n < len(name) && name[n] >= 'A' && name[n] <= 'Z' && (n+1 == len(name) || name[n+1] < 'a') {
		n++
	}
	return strings.ToLower(name[:n]) + name[n:]
}
