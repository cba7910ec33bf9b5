package main

import (
	"math"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// set is an instruction set.
type set struct {
	name, suffix string
	wide         bool // AVX-512
	lanes        int  // of 64 bits
	repeat       int  // of a constant in memory: 1 where an instruction can spread it
	registers    int
	bundle       int // vectors that are computed together
}

var (
	avx512 = set{name: "avx512", suffix: "AVX512", wide: true, lanes: 8, repeat: 1, registers: 32, bundle: 2}
	avx2   = set{name: "avx2", suffix: "AVX2", lanes: 4, repeat: 4, registers: 16, bundle: 2}
)

// machine emits instructions for bundles of vectors. Unless it says otherwise, an
// operation leaves its operands and returns new registers.
type machine struct {
	*build.Context
	set   set
	table *table
	odd   reg.Register // AVX-512: the mask of the upper halves of lanes
}

// V is a bundle of vectors.
type V []reg.VecVirtual

// C is a constant in all lanes of all vectors: its bits.
type C uint64

// f is a float64 as a constant.
func f(v float64) C { return C(math.Float64bits(v)) }

func (m *machine) one() reg.VecVirtual {
	if m.set.wide {
		return m.ZMM()
	}
	return m.YMM()
}

func (m *machine) vec() V {
	v := make(V, m.set.bundle)
	for i := range v {
		v[i] = m.one()
	}
	return v
}

type instruction = func(...operand.Op)

// each emits the instruction once for every vector of a bundle: spread is the form
// with a constant from memory in all lanes. The operand y is V or C.
func (m *machine) each(plain, spread instruction, y any, emit func(i int, do instruction, y operand.Op)) {
	for i := range m.set.bundle {
		switch y := y.(type) {
		case V:
			emit(i, plain, y[i])
		case C:
			do := plain
			if m.set.wide {
				do = spread
			}
			emit(i, do, m.table.at(uint64(y), m.set.repeat))
		}
	}
}

func (m *machine) two(plain, spread instruction, a V, b any) V {
	v := m.vec()
	m.each(plain, spread, b, func(i int, do instruction, y operand.Op) { do(y, a[i], v[i]) })
	return v
}

func (m *machine) add(a V, b any) V { return m.two(m.VADDPD, m.VADDPD_BCST, a, b) }
func (m *machine) sub(a V, b any) V { return m.two(m.VSUBPD, m.VSUBPD_BCST, a, b) }
func (m *machine) mul(a V, b any) V { return m.two(m.VMULPD, m.VMULPD_BCST, a, b) }
func (m *machine) div(a V, b any) V { return m.two(m.VDIVPD, m.VDIVPD_BCST, a, b) }
func (m *machine) or(a V, b any) V  { return m.two(m.VORPD, m.VORPD_BCST, a, b) }
func (m *machine) and(a V, b any) V { return m.two(m.VANDPD, m.VANDPD_BCST, a, b) }
func (m *machine) xor(a V, b any) V { return m.two(m.VXORPD, m.VXORPD_BCST, a, b) }

func (m *machine) addInt(a V, b any) V { return m.two(m.VPADDQ, m.VPADDQ_BCST, a, b) }

// mulLow is the product of the lower halves of lanes.
func (m *machine) mulLow(a, b V) V { return m.two(m.VPMULUDQ, nil, a, b) }

func (m *machine) sqrt(x V) V {
	v := m.vec()
	for i := range v {
		m.VSQRTPD(x[i], v[i])
	}
	return v
}

// left and right shift lanes, right without the sign.
func (m *machine) left(x V, n uint8) V {
	v := m.vec()
	for i := range v {
		m.VPSLLQ(operand.U8(n), x[i], v[i])
	}
	return v
}

func (m *machine) right(x V, n uint8) V {
	v := m.vec()
	for i := range v {
		m.VPSRLQ(operand.U8(n), x[i], v[i])
	}
	return v
}

// rightHalves shifts both halves of lanes.
func (m *machine) rightHalves(x V, n uint8) V {
	v := m.vec()
	for i := range v {
		m.VPSRLD(operand.U8(n), x[i], v[i])
	}
	return v
}

// shared is c in one register for the whole bundle; it must not be overwritten.
func (m *machine) shared(c C) V {
	one := m.one()
	if m.set.wide {
		m.VBROADCASTSD(m.table.at(uint64(c), 1), one)
	} else {
		m.VMOVUPD(m.table.at(uint64(c), m.set.repeat), one)
	}
	v := make(V, m.set.bundle)
	for i := range v {
		v[i] = one
	}
	return v
}

// constant is c in registers.
func (m *machine) constant(c C) V {
	v := m.vec()
	for i := range v {
		if m.set.wide {
			m.VBROADCASTSD(m.table.at(uint64(c), 1), v[i])
		} else {
			m.VMOVUPD(m.table.at(uint64(c), m.set.repeat), v[i])
		}
	}
	return v
}

// mulAdd overwrites p with p*r + c and returns it.
func (m *machine) mulAdd(p, r V, c any) V {
	m.each(m.VFMADD213PD, m.VFMADD213PD_BCST, c, func(i int, do instruction, y operand.Op) { do(y, r[i], p[i]) })
	return p
}

// accumulate adds a*b to s and returns it.
func (m *machine) accumulate(s, a V, b any) V {
	m.each(m.VFMADD231PD, m.VFMADD231PD_BCST, b, func(i int, do instruction, y operand.Op) { do(y, a[i], s[i]) })
	return s
}

// lessProduct overwrites p with p*r - c and returns it.
func (m *machine) lessProduct(p, r V, c any) V {
	m.each(m.VFMSUB213PD, m.VFMSUB213PD_BCST, c, func(i int, do instruction, y operand.Op) { do(y, r[i], p[i]) })
	return p
}

// horner is the polynomial with these coefficients, the highest first.
func (m *machine) horner(z V, c ...float64) V {
	p := m.constant(f(c[0]))
	for _, v := range c[1:] {
		m.mulAdd(p, z, f(v))
	}
	return p
}

// flip overwrites x with its sign changed where the highest bit of q is set.
func (m *machine) flip(x, q V) V {
	const sign = C(1 << 63)
	if !m.set.wide {
		return m.xor(m.and(q, sign), x)
	}
	m.each(nil, m.VPTERNLOGQ_BCST, sign, func(i int, do instruction, y operand.Op) {
		do(operand.U8(0x78), y, q[i], x[i]) // x ^ (q & sign)
	})
	return x
}

// swap overwrites a and b, each with the other where the lowest bit of q is set.
func (m *machine) swap(q, a, b V) (V, V) {
	x := m.vec()
	if !m.set.wide {
		q = m.left(q, 63)
	}
	for i := range q {
		if m.set.wide {
			k := m.K()
			m.VPTESTMQ_BCST(m.table.at(1, 1), q[i], k)
			m.VMOVAPD(a[i], x[i])
			m.VMOVAPD(b[i], k, a[i])
			m.VMOVAPD(x[i], k, b[i])
			continue
		}
		m.VBLENDVPD(q[i], b[i], a[i], x[i])
		m.VBLENDVPD(q[i], a[i], b[i], b[i])
		a[i] = x[i]
	}
	return a, b
}

// upper overwrites the upper halves of the lanes of x with those of the constant.
func (m *machine) upper(x V, c C) V {
	for i := range x {
		if m.set.wide {
			mem := m.table.at(uint64(c), 1)
			mem.Disp += 4
			m.VPBLENDMD_BCST(mem, x[i], m.odd, x[i])
		} else {
			m.VPBLENDD(operand.U8(0xaa), m.table.at(uint64(c), m.set.repeat), x[i], x[i])
		}
	}
	return x
}
