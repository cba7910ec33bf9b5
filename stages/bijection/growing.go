package bijection

// growing is a layer of a masked network while its units are computed in the order of
// their degrees. Ranks go by in blocks: what the ranks before a block say to all of its
// units is one product, and what those of the block say to each other is one for each.
// With blocks of 16 ranks a program for d columns has about d²/32 + 8 d products a
// layer, and not d²/2.
type growing struct {
	weight, bias Value   // [in out], [out]
	degrees      []int   // of the units, ascending
	rows         []int32 // of the units in the weight

	// Parts of the input that are computed, and their places in it: those of blocks
	// before, and those of this block.
	before, known             []Value
	beforePlaces, knownPlaces []int32

	unit   int   // the next to be computed
	first  int   // unit of the block
	given  Value // what before gives to the units of the block, with the bias
	uneven bool  // given differs from row to row
	value  Value // of the last units, before their activation
}

// growingBlock is how many ranks a block has.
const growingBlock = 16

// learn has more of the input.
func (g *growing) learn(v Value, places ...int32) {
	g.known, g.knownPlaces = append(g.known, v), append(g.knownPlaces, places...)
}

// until is the end of the units from g.unit on of degrees below a rank.
func (g *growing) until(rank int) int {
	end := g.unit
	for end < len(g.degrees) && g.degrees[end] < rank {
		end++
	}
	return end
}

// next computes the units of a rank, whose numbers in the layer it gives. Ranks ascend.
func (g *growing) next(b *Builder, rank int) []int32 {
	if rank%growingBlock == 0 {
		g.begin(b, g.until(rank+growingBlock))
	}
	lo, hi := g.unit, g.until(rank+1)
	if lo == hi {
		return nil
	}
	rows := g.rows[lo:hi]
	g.value, g.unit = b.Slice(g.given, lo-g.first, hi-g.first), hi
	if len(g.known) > 0 {
		w := g.part(b, rows, g.knownPlaces)
		if x := b.Concat(g.known...); g.uneven {
			g.value = b.Add(g.value, b.Linear(x, w, Value{}))
		} else {
			g.value = b.Linear(x, w, g.value)
		}
	}
	return rows
}

// begin has a block with the units g.unit to end.
func (g *growing) begin(b *Builder, end int) {
	if len(g.known) > 0 {
		g.before, g.beforePlaces = append(g.before, b.Concat(g.known...)), append(g.beforePlaces, g.knownPlaces...)
		g.known, g.knownPlaces = nil, nil
	}
	if g.first = g.unit; g.first == end {
		return
	}
	rows := g.rows[g.first:end]
	g.given = b.Gather(g.bias, rows)
	if g.uneven = len(g.before) > 0; g.uneven {
		g.given = b.Linear(b.Concat(g.before...), g.part(b, rows, g.beforePlaces), g.given)
	}
}

// part is the weight from places of the input to rows of the output.
func (g *growing) part(b *Builder, rows, places []int32) Value {
	return b.Gather(b.Transpose(b.Gather(g.weight, rows)), places)
}
