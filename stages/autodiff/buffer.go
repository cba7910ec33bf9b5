package autodiff

// space says where the elements of a buffer lie.
type space uint8

const (
	inArena   space = iota // of a tile: one value for each of its rows
	inOnce                 // of a call: what its rows share
	inWeights              // of a binding: what depends on the weights alone
	inParam                // a parameter itself
	inInput                // an argument of the call
	inSums                 // sums over the rows of a call
)

// buffer is the place of a value of shape [..., width]. Its leading axes are
// planes, each a matrix [rows][ld] of which the first width columns count; so
// what repeats over leading axes, as directions of a derivative do, is whole
// blocks of memory, and all planes together are one matrix to multiply.
type buffer struct {
	space         space
	id            int // number among the buffers of its space
	planes, width int
	ld            int
}

// single says whether there is one row for all.
func (b buffer) single() bool { return b.space != inArena && b.space != inInput }

func layout(shape []int) (planes, width int) {
	width = 1
	if len(shape) > 0 {
		width = shape[len(shape)-1]
	}
	return size(shape) / width, width
}

// padded is the leading dimension in the arena: rows whose distance is a large
// power of two would fall into the same few lines of the cache.
func padded(width int) int {
	if width >= 256 && width%128 == 0 {
		return width + 16
	}
	return width
}

// block is a resolved buffer: element c of row r in plane p lies at
// data[p*plane + r*row + c].
type block struct {
	data       []float32
	plane, row int
}

// interval is the time in which a buffer of the arena is in use.
type interval struct {
	size     int // planes * ld
	from, to int // instructions; from is -1 when it is never written
	offset   int
}

// place gives buffers offsets such that those in use at the same time do not
// overlap, and returns the size of the arena: first fit in the order of time.
func place(all []interval) (total int) {
	var active []*interval // by offset
	for i := range all {
		b := &all[i]
		if b.from < 0 {
			continue
		}
		at, into := 0, 0
		kept := active[:0]
		for _, a := range active {
			if a.to >= b.from {
				kept = append(kept, a)
			}
		}
		active = kept
		for into = 0; into < len(active); into++ {
			if active[into].offset-at >= b.size {
				break
			}
			at = active[into].offset + active[into].size
		}
		b.offset = at
		active = append(active, nil)
		copy(active[into+1:], active[into:])
		active[into] = b
		total = max(total, at+b.size)
	}
	return total
}
