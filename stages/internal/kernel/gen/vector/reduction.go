package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// term says what is summed.
type term int

const (
	itself term = iota
	product
	square
)

// doubles is how many float64 a vector holds.
func (s set) doubles() int { return s.lanes / 2 }

// half is a register of as many float32 as a vector holds float64.
func (m *machine) half() V {
	if m.set.wide {
		return m.YMM()
	}
	return m.XMM()
}

// double is the float32 at from, those of mask, as float64.
func (m *machine) double(from operand.Mem, mask reg.Register) V {
	v := m.vec()
	if mask == nil {
		m.VCVTPS2PD(from, v)
		return v
	}
	h := m.half()
	if m.set.wide {
		m.VMOVUPS_Z(from, mask, h)
	} else {
		m.VMASKMOVPS(from, mask, h)
	}
	m.VCVTPS2PD(h, v)
	return v
}

// firstHalf is the mask of the first n lanes of a half.
func (m *machine) firstHalf(n reg.GPVirtual) reg.Register {
	if m.set.wide {
		return m.first(n)
	}
	at, count := m.GP64(), m.GP64()
	m.LEAQ(operand.NewDataAddr(operand.NewStaticSymbol(masksName), 32), at)
	m.MOVQ(n, count)
	m.NEGQ(count)
	v := m.XMM()
	m.VMOVUPS(operand.Mem{Base: at, Index: count, Scale: 4}, v)
	return v
}

// sums is how many partial sums a row has; element j goes to vector
// j/doubles mod sums while there are that many, and then to the first and, for
// the end, the second.
const sums = 4

// row sums n terms (n is overwritten) and returns the sum in the lowest lane.
func (m *machine) row(label string, t term, a, b slice, n reg.GPVirtual) reg.VecVirtual {
	width := m.set.doubles()
	acc := make([]V, sums)
	for i := range acc {
		acc[i] = m.vec()
		m.VXORPS(acc[i], acc[i], acc[i])
	}
	index := m.GP64()
	m.XORQ(index, index)
	add := func(u int, to V, mask reg.Register) {
		x := m.double(a.at(index, 4*u*width), mask)
		switch t {
		case itself:
			m.VADDPD(x, to, to)
		case square:
			m.VFMADD231PD(x, x, to)
		case product:
			m.VFMADD231PD(m.double(b.at(index, 4*u*width), mask), x, to)
		}
	}
	for _, times := range []int{sums, 1} {
		step := operand.Imm(uint64(times * width))
		name := label + "one"
		if times == sums {
			name = label + "all"
		}
		m.SUBQ(step, n)
		m.JLT(operand.LabelRef(name + "end"))
		m.Label(name)
		for u := range times {
			add(u, acc[u], nil)
		}
		m.ADDQ(step, index)
		m.SUBQ(step, n)
		m.JGE(operand.LabelRef(name))
		m.Label(name + "end")
		m.ADDQ(step, n)
	}
	m.JZ(operand.LabelRef(label + "sum"))
	add(0, acc[1], m.firstHalf(n))
	m.Label(label + "sum")
	m.VADDPD(acc[2], acc[0], acc[0])
	m.VADDPD(acc[3], acc[1], acc[1])
	m.VADDPD(acc[1], acc[0], acc[0])
	return m.lanesSum(acc[0])
}

// lanesSum adds the lanes: the upper half to the lower, until one is left.
func (m *machine) lanesSum(v V) reg.VecVirtual {
	y := m.YMM()
	if m.set.wide {
		m.VEXTRACTF64X4(operand.U8(1), v, y)
		low := v.(reg.VecVirtual).AsY()
		m.VADDPD(y, low, y)
	} else {
		m.VMOVAPS(v, y)
	}
	x, high := m.XMM(), m.XMM()
	m.VEXTRACTF128(operand.U8(1), y, x)
	m.VADDPD(y.AsX(), x, x)
	m.VUNPCKHPD(x, x, high)
	m.VADDSD(high, x, x)
	return x
}

// total is a sum over one slice or two.
func total(t term) func(*machine, function) {
	return func(m *machine, f function) {
		m.open(f)
		a := m.slice("a")
		b := a
		if t == product {
			b = m.slice("b")
		}
		n := m.Load(m.Param("a").Len(), m.GP64()).(reg.GPVirtual)
		m.Store(m.row("", t, a, b, n), m.ReturnIndex(0))
		m.VZEROUPPER()
		m.RET()
	}
}

// perRow is a sum for every row, rounded to float32.
func perRow(t term) func(*machine, function) {
	return func(m *machine, f function) {
		m.open(f)
		dst := m.slice("dst")
		a, stepA := m.rows("a")
		b, stepB := a, stepA
		if t == product {
			b, stepB = m.rows("b")
		}
		rows := m.Load(m.Param("rows"), m.GP64()).(reg.GPVirtual)
		n, left := m.GP64(), m.GP64()
		m.Load(m.Param("n"), n)
		m.TESTQ(rows, rows)
		m.JZ(operand.LabelRef("done"))
		m.Label("rows")
		m.MOVQ(n, left)
		x := m.row("row", t, a, b, left)
		m.VCVTSD2SS(x, x, x)
		m.VMOVSS(x, operand.Mem{Base: dst.base})
		m.ADDQ(operand.Imm(4), dst.base)
		m.ADDQ(stepA, a.base)
		if t == product {
			m.ADDQ(stepB, b.base)
		}
		m.DECQ(rows)
		m.JNZ(operand.LabelRef("rows"))
		m.Label("done")
		m.VZEROUPPER()
		m.RET()
	}
}

// rows is the matrix of this name and the bytes from row to row.
func (m *machine) rows(name string) (slice, reg.GPVirtual) {
	s := m.slice(name)
	ld := m.Load(m.Param("ld"+name), m.GP64()).(reg.GPVirtual)
	m.SHLQ(operand.Imm(2), ld)
	return s, ld
}

// Conversions to eight float64 at once are slower than two to four.
var reductions = narrow([]function{
	{name: "Dot", special: "a, b []float32", results: "float64", emit: total(product)},
	{name: "Sum", special: "a []float32", results: "float64", emit: total(itself)},
	{name: "SumSquares", special: "a []float32", results: "float64", emit: total(square)},
	{name: "RowSums", special: "dst, a []float32, lda, rows, n int", emit: perRow(itself)},
	{name: "RowDots", special: "dst, a []float32, lda int, b []float32, ldb int, rows, n int",
		emit: perRow(product)},
	{name: "AddColumns", special: "dst, x []float32, ldx, rows, n int", emit: addColumns},
})
