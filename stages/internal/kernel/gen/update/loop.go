package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// function is a loop over the elements of slices. body gets a vector of each
// slice and the scalars in all lanes, and gives what is written back to the
// slices, nil where nothing is.
type function struct {
	name    string
	slices  []string
	scalars int
	double  bool // computes in float64: half as many elements in a vector
	body    func(m *machine, x, s []V) []V
}

// emit writes func NAME(n int, SLICES *float32, s *float32): whole vectors, then
// the rest under a mask.
func (f function) emit(m *machine) {
	m.Function(f.name + m.set.suffix)
	m.Attributes(attr.NOSPLIT)
	m.Pragma("noescape")
	params, scalar := "", "float32"
	for _, s := range f.slices {
		params += s + " *float32, "
	}
	if f.double {
		scalar = "float64"
	}
	m.SignatureExpr(fmt.Sprintf("func(n int, %ss *%s)", params, scalar))
	n, s := m.GP64(), m.GP64()
	m.Load(m.Param("n"), n)
	m.Load(m.Param("s"), s)
	bases := make([]reg.GPVirtual, len(f.slices))
	for i, name := range f.slices {
		bases[i] = m.GP64()
		m.Load(m.Param(name), bases[i])
	}
	scalars := make([]V, f.scalars)
	for i := range scalars {
		scalars[i] = m.vec()
		if f.double {
			m.VBROADCASTSD(operand.Mem{Base: s, Disp: 8 * i}, scalars[i])
		} else {
			m.VBROADCASTSS(operand.Mem{Base: s, Disp: 4 * i}, scalars[i])
		}
	}
	lanes := m.set.lanes
	if f.double {
		lanes /= 2
	}
	index := m.GP64()
	m.XORQ(index, index)
	m.SUBQ(operand.I32(lanes), n)
	m.JL(operand.LabelRef("rest"))
	m.Label("next")
	f.step(m, bases, index, scalars, nil)
	m.ADDQ(operand.I32(lanes), index)
	m.SUBQ(operand.I32(lanes), n)
	m.JGE(operand.LabelRef("next"))
	m.Label("rest")
	m.ADDQ(operand.I32(lanes), n)
	m.JE(operand.LabelRef("done"))
	f.step(m, bases, index, scalars, m.first(n, lanes, f.double))
	m.Label("done")
	m.VZEROUPPER()
	m.RET()
}

// step is the body for the elements from index on, or the lanes of mask.
func (f function) step(m *machine, bases []reg.GPVirtual, index reg.GPVirtual, scalars []V, mask reg.Register) {
	at := func(i int) operand.Mem { return operand.Mem{Base: bases[i], Index: index, Scale: 4} }
	x := make([]V, len(bases))
	for i := range x {
		x[i] = m.load(at(i), mask, f.double)
	}
	for i, v := range f.body(m, x, scalars) {
		if v != nil {
			m.store(v, at(i), mask, f.double)
		}
	}
}

// load is a vector of float32, widened to float64 where double is set.
func (m *machine) load(from operand.Mem, mask reg.Register, double bool) V {
	v := m.part(double)
	switch {
	case mask == nil:
		m.VMOVUPS(from, v)
	case m.set.wide:
		m.VMOVUPS_Z(from, mask, v)
	default:
		m.VMASKMOVPS(from, mask, v)
	}
	if double {
		return m.widened(v)
	}
	return v
}

// store is the opposite of load: v is float64 where double is set, and rounded.
func (m *machine) store(v V, to operand.Mem, mask reg.Register, double bool) {
	if double {
		v = m.rounded(v)
	}
	switch {
	case mask == nil:
		m.VMOVUPS(v, to)
	case m.set.wide:
		m.VMOVUPS(v, mask, to)
	default:
		m.VMASKMOVPS(v, mask, to)
	}
}

// part is a register for the float32 of a vector.
func (m *machine) part(double bool) V {
	switch {
	case !double:
		return m.vec()
	case m.set.wide:
		return m.YMM()
	}
	return m.XMM()
}

// first is the mask of the first n lanes, 0 < n < lanes.
func (m *machine) first(n reg.GPVirtual, lanes int, double bool) reg.Register {
	if m.set.wide {
		ones := m.GP32()
		m.MOVL(operand.U32(math.MaxUint32), ones)
		m.BZHIL(n.As32(), ones, ones)
		k := m.K()
		m.KMOVW(ones, k)
		return k
	}
	at, count := m.GP64(), m.GP64()
	m.LEAQ(operand.NewDataAddr(operand.NewStaticSymbol(masksName), 4*m.set.lanes), at)
	m.MOVQ(n, count)
	m.NEGQ(count)
	v := m.part(double)
	m.VMOVUPS(operand.Mem{Base: at, Index: count, Scale: 4}, v)
	return v
}

// masksName: eight ones, then eight zeros; n before the middle starts the mask of
// n lanes.
const masksName = "masks"

func (m *machine) masks() {
	if m.set.wide {
		return
	}
	m.StaticGlobal(masksName)
	m.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range 2 * m.set.lanes {
		var v uint32
		if i < m.set.lanes {
			v = math.MaxUint32
		}
		m.AddDatum(4*i, operand.U32(v))
	}
}
