package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
)

// table holds the constants of a file, each repeated to the width of a load.
type table struct {
	place map[uint64]int
	bits  []uint64
}

func newTable() *table { return &table{place: map[uint64]int{}} }

const tableName = "constants"

// at is where the constant with these bits lies.
func (t *table) at(bits uint64, repeat int) operand.Mem {
	i, ok := t.place[bits]
	if !ok {
		i = len(t.bits)
		t.place[bits] = i
		t.bits = append(t.bits, bits)
	}
	return operand.NewDataAddr(operand.NewStaticSymbol(tableName), 8*repeat*i)
}

// write puts the table and the numbers of the lanes into the file.
func (t *table) write(m *machine) {
	m.StaticGlobal(tableName)
	m.DataAttributes(attr.RODATA | attr.NOPTR)
	for i, b := range t.bits {
		for j := range m.set.repeat {
			m.AddDatum(8*(i*m.set.repeat+j), operand.U64(b))
		}
	}
	m.StaticGlobal(laneName)
	m.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range 2 * m.set.lanes {
		m.AddDatum(8*i, operand.U64(i))
	}
}

// laneName: 0, 1, 2, ... in lanes, for two vectors.
const laneName = "lane"
