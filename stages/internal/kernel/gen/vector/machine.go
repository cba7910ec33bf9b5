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

// constant is a value for all lanes, in memory.
type constant struct{ operand.Mem }

func (m *machine) vec() V {
	if m.set.wide {
		return m.ZMM()
	}
	return m.YMM()
}

// f is a float32 in all lanes.
func (m *machine) f(v float64) operand.Op { return m.bits(math.Float32bits(float32(v))) }

// bits is 32 bits in all lanes.
func (m *machine) bits(b uint32) operand.Op {
	if m.used[b] == 0 {
		m.order = append(m.order, b)
	}
	m.used[b]++
	if r, ok := m.held[b]; ok {
		return r
	}
	return constant{m.table.at(b, m.set.repeat)}
}

// fill loads a constant into a register.
func (m *machine) fill(b uint32) V {
	v := m.vec()
	if m.set.wide {
		m.VBROADCASTSS(m.table.at(b, 1), v)
	} else {
		m.VMOVUPS(m.table.at(b, 8), v)
	}
	return v
}

// hold runs body once without emitting anything and loads the constants that it
// uses most, as many as there is room for, into registers.
func (m *machine) hold(body func(*machine)) {
	dry := &machine{Context: build.NewContext(), set: m.set, table: newTable(), used: map[uint32]int{}}
	dry.Function("dry")
	body(dry)
	m.held = map[uint32]reg.Register{}
	m.used = map[uint32]int{}
	for least := 8; least > 0; least-- {
		for _, b := range dry.order {
			if n := min(dry.used[b], 8); n == least && len(m.held) < m.holds {
				m.held[b] = m.fill(b)
			}
		}
	}
}

// pick chooses the form of an instruction: with a constant spread from memory or
// without.
func (m *machine) pick(plain, spread func(...operand.Op), first operand.Op, rest ...operand.Op) {
	c, inMemory := first.(constant)
	switch {
	case !inMemory:
		plain(append([]operand.Op{first}, rest...)...)
	case m.set.wide:
		spread(append([]operand.Op{c.Mem}, rest...)...)
	default:
		plain(append([]operand.Op{c.Mem}, rest...)...)
	}
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

type instruction = func(...operand.Op)

func (m *machine) two(plain, spread instruction, a, b operand.Op) V {
	v := m.vec()
	m.pick(plain, spread, b, m.reg(a), v)
	return v
}

func (m *machine) add(a, b operand.Op) V { return m.two(m.VADDPS, m.VADDPS_BCST, a, b) }
func (m *machine) sub(a, b operand.Op) V { return m.two(m.VSUBPS, m.VSUBPS_BCST, a, b) }
func (m *machine) mul(a, b operand.Op) V { return m.two(m.VMULPS, m.VMULPS_BCST, a, b) }
func (m *machine) div(a, b operand.Op) V { return m.two(m.VDIVPS, m.VDIVPS_BCST, a, b) }

// max is a > b ? a : b, so b where one is NaN.
func (m *machine) max(a, b operand.Op) V { return m.two(m.VMAXPS, m.VMAXPS_BCST, a, b) }

// min is a < b ? a : b, so b where one is NaN.
func (m *machine) min(a, b operand.Op) V { return m.two(m.VMINPS, m.VMINPS_BCST, a, b) }

func (m *machine) and(a, b operand.Op) V { return m.two(m.VANDPS, m.VANDPS_BCST, a, b) }
func (m *machine) or(a, b operand.Op) V  { return m.two(m.VORPS, m.VORPS_BCST, a, b) }
func (m *machine) xor(a, b operand.Op) V { return m.two(m.VXORPS, m.VXORPS_BCST, a, b) }

// andNot is b without the bits of a.
func (m *machine) andNot(a, b operand.Op) V { return m.two(m.VANDNPS, m.VANDNPS_BCST, a, b) }

func (m *machine) sqrt(x V) V {
	v := m.vec()
	m.VSQRTPS(x, v)
	return v
}

// mulAdd overwrites p with p*r + c.
func (m *machine) mulAdd(p, r V, c operand.Op) V {
	m.pick(m.VFMADD213PS, m.VFMADD213PS_BCST, c, r, p)
	return p
}

// accumulate adds a*b to s.
func (m *machine) accumulate(s, a V, b operand.Op) V {
	m.pick(m.VFMADD231PS, m.VFMADD231PS_BCST, b, a, s)
	return s
}

// deduct subtracts a*b from s.
func (m *machine) deduct(s, a V, b operand.Op) V {
	m.pick(m.VFNMADD231PS, m.VFNMADD231PS_BCST, b, a, s)
	return s
}

// horner is the polynomial with these coefficients, the highest first.
func (m *machine) horner(r V, c ...float64) V {
	p := m.copy(m.f(c[0]))
	for _, v := range c[1:] {
		m.mulAdd(p, r, m.f(v))
	}
	return p
}

const (
	signBit = 1 << 31
	allBut  = 1<<31 - 1
)

func (m *machine) abs(x V) V { return m.and(x, m.bits(allBut)) }
func (m *machine) neg(x V) V { return m.xor(x, m.bits(signBit)) }

// withSign is y with the sign bit of x set too: y is not negative or has it.
func (m *machine) withSign(y, x V) V {
	if m.set.wide {
		v := m.copy(x) // x & sign | y
		m.pick3(0xec, m.bits(signBit), y, v)
		return v
	}
	return m.or(m.and(x, m.bits(signBit)), y)
}

// pick3 sets v to the function of three bits that table gives: bit 4v+2a+b.
func (m *machine) pick3(table uint8, b operand.Op, a, v V) {
	if c, ok := b.(constant); ok {
		m.VPTERNLOGD_BCST(operand.U8(table), c.Mem, a, v)
		return
	}
	m.VPTERNLOGD(operand.U8(table), b, a, v)
}

// Integers in lanes.

func (m *machine) addInt(a, b operand.Op) V { return m.two(m.VPADDD, m.VPADDD_BCST, a, b) }
func (m *machine) subInt(a, b operand.Op) V { return m.two(m.VPSUBD, m.VPSUBD_BCST, a, b) }

func (m *machine) left(x V, n uint8) V {
	v := m.vec()
	m.VPSLLD(operand.U8(n), x, v)
	return v
}

// right keeps the sign.
func (m *machine) right(x V, n uint8) V {
	v := m.vec()
	m.VPSRAD(operand.U8(n), x, v)
	return v
}

// integer rounds to the nearest.
func (m *machine) integer(x V) V {
	v := m.vec()
	m.VCVTPS2DQ(x, v)
	return v
}

func (m *machine) float(x V) V {
	v := m.vec()
	m.VCVTDQ2PS(x, v)
	return v
}

// Masks: a mask register of AVX-512, ones and zeros in lanes for AVX2.

const (
	equal     = operand.U8(0)
	less      = operand.U8(1)
	unordered = operand.U8(3)
	greater   = operand.U8(30) // ordered, without a signal
)

// compare is where a ? b holds.
func (m *machine) compare(how operand.U8, a, b operand.Op) reg.Register {
	left := m.reg(a)
	if m.set.wide {
		k := m.K()
		if c, ok := b.(constant); ok {
			m.VCMPPS_BCST(how, c.Mem, left, k)
		} else {
			m.VCMPPS(how, b, left, k)
		}
		return k
	}
	v := m.vec()
	if c, ok := b.(constant); ok {
		b = c.Mem
	}
	m.VCMPPS(how, b, left, v)
	return v
}

// negative is where the sign bit is set, by the sign bit itself.
func (m *machine) negative(x V) reg.Register {
	if m.set.wide {
		k := m.K()
		m.VPMOVD2M(x, k)
		return k
	}
	return x
}

// blend is yes where the mask holds and no elsewhere.
func (m *machine) blend(mask reg.Register, no, yes operand.Op) V {
	v := m.vec()
	if m.set.wide {
		m.pick(m.VBLENDMPS, m.VBLENDMPS_BCST, yes, m.reg(no), mask, v)
		return v
	}
	if c, ok := yes.(constant); ok {
		yes = c.Mem
	}
	m.VBLENDVPS(mask, yes, m.reg(no), v)
	return v
}

// where is yes where the mask holds and 0 elsewhere.
func (m *machine) where(mask reg.Register, yes operand.Op) V {
	v := m.vec()
	if m.set.wide {
		if c, ok := yes.(constant); ok {
			m.VBROADCASTSS_Z(c.Mem, mask, v)
		} else {
			m.VMOVAPS_Z(yes, mask, v)
		}
		return v
	}
	m.pick(m.VANDPS, m.VANDPS_BCST, yes, mask, v)
	return v
}

// mulWhere overwrites y with a*b where the mask holds.
func (m *machine) mulWhere(mask reg.Register, y, a V, b operand.Op) V {
	if m.set.wide {
		m.pick(m.VMULPS, m.VMULPS_BCST, b, a, mask, y)
		return y
	}
	return m.blend(mask, y, m.mul(a, b))
}

// jumpIfAny goes to a label if the mask holds somewhere.
func (m *machine) jumpIfAny(mask reg.Register, label string) {
	if m.set.wide {
		m.KORTESTW(mask, mask)
	} else {
		bits := m.GP32()
		m.VMOVMSKPS(mask, bits)
		m.TESTL(bits, bits)
	}
	m.JNZ(operand.LabelRef(label))
}
