package main

import (
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// set is an instruction set.
type set struct {
	name, suffix string
	wide         bool // AVX-512
	lanes        int  // of float64
	registers    int
}

var (
	avx512 = set{name: "avx512", suffix: "AVX512", wide: true, lanes: 8, registers: 32}
	avx2   = set{name: "avx2", suffix: "AVX2", lanes: 4, registers: 16}
)

// machine emits instructions for vectors of one instruction set.
type machine struct {
	*build.Context
	set set
}

// V is a register of one vector of float64.
type V = reg.Register

func (m *machine) vec() V {
	if m.set.wide {
		return m.ZMM()
	}
	return m.YMM()
}

// open begins a function.
func (m *machine) open(name, signature string) {
	m.Function(name + m.set.suffix)
	m.Attributes(attr.NOSPLIT)
	m.Pragma("noescape")
	m.SignatureExpr(signature)
}

func (m *machine) param(name string) reg.GPVirtual {
	return m.Load(m.Param(name), m.GP64()).(reg.GPVirtual)
}

// every is v in all lanes.
func (m *machine) every(v float64) V {
	bits, x, out := m.GP64(), m.XMM(), m.vec()
	m.MOVQ(operand.U64(math.Float64bits(v)), bits)
	m.MOVQ(bits, x)
	m.VBROADCASTSD(x, out)
	return out
}

// count is the numbers of the lanes: 0, 1, 2, ..., as float64, beginning at from.
func (m *machine) count(from int) V {
	name := "lanes" + m.set.suffix
	v := m.vec()
	m.VMOVUPD(operand.NewDataAddr(operand.NewStaticSymbol(name), 8*from), v)
	return v
}

// lanes is the table of count.
func (m *machine) lanesTable(n int) {
	m.StaticGlobal("lanes" + m.set.suffix)
	m.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range n {
		m.AddDatum(8*i, operand.U64(math.Float64bits(float64(i))))
	}
}

// reduced is cost - dual of the columns from index on.
func (m *machine) reduced(cost, dual, index reg.GPVirtual, at int) V {
	h := m.vec()
	m.VCVTPS2PD(operand.Mem{Base: cost, Index: index, Scale: 4, Disp: 4 * at}, h)
	m.VSUBPD(operand.Mem{Base: dual, Index: index, Scale: 8, Disp: 8 * at}, h, h)
	return h
}

// mask is where comparisons go.
type mask = reg.Register

const less = operand.U8(17) // LT_OQ

// below is where a < b.
func (m *machine) below(a, b V) mask {
	if m.set.wide {
		k := m.K()
		m.VCMPPD(less, b, a, k)
		return k
	}
	k := m.vec()
	m.VCMPPD(less, b, a, k)
	return k
}

// put overwrites to with v where k is set.
func (m *machine) put(to, v V, k mask) {
	if m.set.wide {
		m.VMOVAPD(v, k, to)
		return
	}
	m.VBLENDVPD(k, v, to, to)
}

func (m *machine) copy(v V) V {
	out := m.vec()
	m.VMOVAPD(v, out)
	return out
}

func asVec(v V) reg.VecVirtual { return v.(reg.VecVirtual) }
