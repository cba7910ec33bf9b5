package autodiff

// machine is the memory of one call at a time, of one variant.
type machine struct {
	bound *Bound
	v     *variant

	in, out     [][]float32
	total       int // rows of the call
	start, rows int // of the tile

	arena     []float32
	onces     [][]float32
	sums      [][]float32
	strips    []float32
	stripSize int
	spots     []spot    // of the group at hand
	sum       []float32 // a number for each row
}

func newMachine(p *Program, v *variant) *machine {
	m := &machine{v: v, arena: make([]float32, v.width*v.tile),
		sum: make([]float32, v.tile)}
	m.groups(p)
	for _, n := range v.onces {
		m.onces = append(m.onces, make([]float32, n))
	}
	for _, n := range v.sums {
		m.sums = append(m.sums, make([]float32, n))
	}
	return m
}

// call runs the program over all rows, tile by tile.
func (m *machine) call(v *variant) {
	for _, s := range m.sums {
		clear(s)
	}
	m.start = 0
	m.run(v.once, 1)
	tiles := (m.total + v.tile - 1) / v.tile
	for t := range tiles {
		// Tiles of nearly equal size, so that none is left with a few rows.
		m.start = t * m.total / tiles
		m.run(v.body, (t+1)*m.total/tiles-m.start)
	}
	m.run(v.finish, 1)
}

func (m *machine) run(code []instruction, rows int) {
	m.rows = rows
	for _, i := range code {
		i.run(m, rows)
	}
}

// block is where a buffer lies, for a tile of the given rows.
func (m *machine) block(b buffer, rows int) block {
	switch b.space {
	case inArena:
		return block{m.arena[m.v.offsets[b.id]*m.v.tile:], rows * b.ld, b.ld}
	case inInput:
		return block{m.in[b.id][m.start*b.width:], m.total * b.width, b.width}
	case inOnce:
		if b.id < 0 {
			return block{m.in[-1-b.id], m.total * b.width, 0}
		}
		return block{m.onces[b.id], b.width, 0}
	case inWeights:
		return block{m.bound.values[b.id], b.width, 0}
	case inParam:
		return block{m.bound.params[b.id], b.width, 0}
	}
	return block{m.sums[b.id], b.width, 0}
}

// groups makes room for the groups of a program. Strips do not begin in the same line of
// a page.
func (m *machine) groups(p *Program) {
	m.stripSize = p.stripSize + 16
	m.strips, m.spots = make([]float32, p.strips*m.stripSize), make([]spot, p.spots)
}

// strip is a strip of scratch.
func (m *machine) strip(i, n int) []float32 { return m.strips[i*m.stripSize:][:n] }

// column is a number for each row of a tile.
func (m *machine) column(rows int) []float32 {
	if len(m.sum) < rows {
		m.sum = make([]float32, rows)
	}
	return m.sum[:rows]
}
