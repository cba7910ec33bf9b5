package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of lanes in package philox.
const (
	rowAt, rowStepAt     = 0, 8
	blockAt, blockStepAt = 16, 24
	stepAt, keysAt       = 32, 40
)

const multiplier0, multiplier1 = C(0xD2511F53), C(0xCD9E8D57)

// counter are the lanes of a loop.
type counter struct {
	at          reg.GPVirtual // the struct lanes
	row, block  operand.Mem   // on the stack, by how much lanes differ from the first one
	rows, count reg.GPVirtual // rows and blocks from a bundle to the next
}

// spread is the 64 bits at from in all lanes.
func (m *machine) spread(from operand.Op) reg.VecVirtual {
	v := m.one()
	m.VPBROADCASTQ(from, v)
	return v
}

// counter reads the steps of the lanes.
func (m *machine) counter(at reg.GPVirtual) *counter {
	c := &counter{at: at, rows: m.GP64(), count: m.GP64()}
	if m.set.wide {
		k := m.K()
		ones := m.GP32()
		m.MOVL(operand.U32(0xaaaa), ones)
		m.KMOVW(ones, k)
		m.odd = k
	}
	bytes := 8 * m.set.lanes
	offsets := func(step int) operand.Mem {
		local := m.AllocLocal(m.set.bundle * bytes)
		s := m.spread(operand.Mem{Base: at, Disp: step})
		for i := range m.set.bundle {
			v := m.one()
			m.VPMULUDQ(operand.NewDataAddr(operand.NewStaticSymbol(laneName), i*bytes), s, v)
			m.VMOVUPD(v, local.Offset(i*bytes))
		}
		return local
	}
	c.row, c.block = offsets(rowStepAt), offsets(blockStepAt)
	m.IMUL3Q(operand.I32(m.set.bundle*m.set.lanes), operand.Mem{Base: at, Disp: rowStepAt}, c.rows)
	m.IMUL3Q(operand.I32(m.set.bundle*m.set.lanes), operand.Mem{Base: at, Disp: blockStepAt}, c.count)
	return c
}

// words are the four words of the next block of every lane, in the lower halves;
// what the upper halves hold means nothing. The counter goes on.
func (m *machine) words(c *counter) [4]V {
	m.Comment("Counters.")
	start := func(first int, offsets operand.Mem) V {
		v := m.vec()
		s := m.spread(operand.Mem{Base: c.at, Disp: first})
		for i := range v {
			m.VPADDQ(offsets.Offset(i*8*m.set.lanes), s, v[i])
		}
		return v
	}
	w0, w3 := start(rowAt, c.row), start(blockAt, c.block)
	w1 := m.right(w0, 32)
	w2 := m.vec()
	for i := range w2 {
		m.VPBROADCASTQ(operand.Mem{Base: c.at, Disp: stepAt}, w2[i])
	}
	m.ADDQ(c.rows, operand.Mem{Base: c.at, Disp: rowAt})
	m.ADDQ(c.count, operand.Mem{Base: c.at, Disp: blockAt})
	m0, m1 := m.shared(multiplier0), m.shared(multiplier1)
	for round := range 10 {
		m.Comment(fmt.Sprintf("Round %d.", round))
		p0, p1 := m.mulLow(w0, m0), m.mulLow(w2, m1)
		h0, h1 := m.right(p0, 32), m.right(p1, 32)
		w0, w1, w2, w3 = m.xor3(w1, h1, c.key(round, 0)), p1, m.xor3(w3, h0, c.key(round, 1)), p0
	}
	return [4]V{w0, w1, w2, w3}
}

// key is the key of a round.
func (c *counter) key(round, word int) operand.Mem {
	return operand.Mem{Base: c.at, Disp: keysAt + 8*round + 4*word}
}

// xor3 overwrites x with x ^ y ^ k, k in every half of lanes.
func (m *machine) xor3(x, y V, k operand.Mem) V {
	s := m.one()
	m.VPBROADCASTD(k, s)
	for i := range x {
		if m.set.wide {
			m.VPTERNLOGD(operand.U8(0x96), s, y[i], x[i])
			continue
		}
		m.VPXOR(s, y[i], y[i])
		m.VPXOR(y[i], x[i], x[i])
	}
	return x
}
