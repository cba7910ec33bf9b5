package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
)

// table holds the constants of a file, each repeated to the width of a load.
type table struct {
	place map[uint32]int
	bits  []uint32
}

func newTable() *table { return &table{place: map[uint32]int{}} }

const tableName = "constants"

// at is where the constant with these bits lies.
func (t *table) at(bits uint32, repeat int) operand.Mem {
	i, ok := t.place[bits]
	if !ok {
		i = len(t.bits)
		t.place[bits] = i
		t.bits = append(t.bits, bits)
	}
	return operand.NewDataAddr(operand.NewStaticSymbol(tableName), 4*repeat*i)
}

// write puts the table and the masks of AVX2 into the file.
func (t *table) write(m *machine) {
	m.StaticGlobal(tableName)
	m.DataAttributes(attr.RODATA | attr.NOPTR)
	for i, b := range t.bits {
		for j := range m.set.repeat {
			m.AddDatum(4*(i*m.set.repeat+j), operand.U32(b))
		}
	}
	if m.set.wide {
		return
	}
	m.StaticGlobal(masksName)
	m.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range 16 {
		var v uint32
		if i < 8 {
			v = math.MaxUint32
		}
		m.AddDatum(4*i, operand.U32(v))
	}
}

// masksName: eight lanes of ones, then eight of zeros; from 4*(8-n) it is the
// mask of n lanes.
const masksName = "masks"

func symbol(name string, set set) string { return fmt.Sprintf("%s%s", name, set.suffix) }
