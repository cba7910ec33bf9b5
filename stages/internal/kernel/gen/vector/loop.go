package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// body computes the outputs for one vector of each input.
type body func(m *machine, in []V) (out []V)

// open starts the function with the arguments of f.
func (m *machine) open(f function) {
	m.Function(symbol(f.lower(), m.set))
	m.Attributes(attr.NOSPLIT)
	m.Pragma("noescape")
	m.SignatureExpr(f.signature())
	m.held, m.used, m.order = nil, map[uint32]int{}, nil
}

// elementwise is a loop over slices: outputs are the first of f.slices, the rest
// are inputs; where f updates its destination, that is the first input. A pass of
// the loop does unroll vectors.
func elementwise(outputs, unroll int, b body) func(*machine, function) {
	return func(m *machine, f function) {
		m.open(f)
		l := loop{machine: m, f: f, body: b}
		n := m.Load(m.Param(f.slices()[0]).Len(), m.GP64()).(reg.GPVirtual)
		for i, name := range f.slices() {
			s := m.slice(name)
			if i < outputs {
				l.outputs = append(l.outputs, s)
			}
			if i >= outputs || f.updates {
				l.inputs = append(l.inputs, s)
			}
		}
		if f.scalar {
			l.scalar = m.vec()
			m.VBROADCASTSS(m.paramMem("s"), l.scalar)
		}
		m.hold(l.alone)
		l.index = m.GP64()
		m.XORQ(l.index, l.index)
		l.whole(n, unroll)
		if unroll > 1 {
			l.whole(n, 1)
		}
		m.JZ(operand.LabelRef("done"))
		l.vector(0, m.first(n))
		m.Label("done")
		if f.stop != nil {
			m.ADDQ(n, l.index)
			m.Label("stop")
			m.Store(l.index, m.ReturnIndex(0))
		}
		m.VZEROUPPER()
		m.RET()
	}
}

// loop is an elementwise function being written.
type loop struct {
	*machine
	f               function
	body            body
	outputs, inputs []slice
	scalar          V
	index           reg.GPVirtual // of the element where the pass begins
}

// alone is the body for machines that do not count.
func (l loop) alone(m *machine) {
	in := []V{m.vec()} // and one for the scalar
	for range l.inputs {
		in = append(in, m.vec())
	}
	l.body(m, in)
}

// whole is the loop over times vectors, as long as n holds them; at its end the
// flags say whether n is 0.
func (l loop) whole(n reg.GPVirtual, times int) {
	step := operand.Imm(uint64(times * l.set.lanes))
	label := fmt.Sprintf("loop%d", times)
	l.SUBQ(step, n)
	l.JLT(operand.LabelRef(label + "end"))
	l.Label(label)
	for u := range times {
		l.vector(u, nil)
	}
	l.ADDQ(step, l.index)
	l.SUBQ(step, n)
	l.JGE(operand.LabelRef(label))
	l.Label(label + "end")
	l.ADDQ(step, n)
}

// vector does vector u of the pass, or the lanes of mask.
func (l loop) vector(u int, mask reg.Register) {
	offset := 4 * u * l.set.lanes
	var in []V
	for _, s := range l.inputs {
		in = append(in, l.load(s.at(l.index, offset), mask))
	}
	if l.f.scalar {
		in = append(in, l.scalar)
	}
	if l.f.stop != nil {
		l.jumpIfAny(l.f.stop(l.machine, in[0]), "stop")
	}
	for i, v := range l.body(l.machine, in) {
		l.store(v, l.outputs[i].at(l.index, offset), mask)
	}
}
