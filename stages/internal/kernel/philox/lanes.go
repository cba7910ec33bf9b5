package philox

// lanes are blocks that are computed together: lane i has row row + i rowStep
// and block block + i blockStep; one of the steps is 1 and the other 0. The
// assembly reads these fields by their offsets.
type lanes struct {
	row, rowStep     uint64
	block, blockStep uint64
	step             uint64
	keys             [10][2]uint32 // of the rounds
}

// rows are lanes along rows from c.
func (c Counter) rows() lanes { return c.lanes(1, 0) }

// draws are lanes along blocks from c.
func (c Counter) draws() lanes { return c.lanes(0, 1) }

func (c Counter) lanes(rowStep, blockStep uint64) lanes {
	l := lanes{row: c.Row, rowStep: rowStep, block: uint64(c.Block), blockStep: blockStep, step: uint64(c.Step)}
	k := [2]uint32{uint32(c.Key), uint32(c.Key >> 32)}
	for i := range l.keys {
		l.keys[i] = k
		k[0] += weyl0
		k[1] += weyl1
	}
	return l
}

// at is block i.
func (l *lanes) at(i int) [4]uint32 {
	row := l.row + uint64(i)*l.rowStep
	counter := [4]uint32{uint32(row), uint32(row >> 32), uint32(l.step), uint32(l.block + uint64(i)*l.blockStep)}
	return philox4x32(counter, l.keys[0])
}

// skip makes lane n the first.
func (l *lanes) skip(n int) {
	l.row += uint64(n) * l.rowStep
	l.block += uint64(n) * l.blockStep
}
