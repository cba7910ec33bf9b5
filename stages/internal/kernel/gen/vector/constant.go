package main

import (
	"math"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// constant is a value for all lanes, in memory.
type constant struct{ operand.Mem }

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
