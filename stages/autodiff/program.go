package autodiff

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/pathline/pathline/stages/internal/kernel/matrix"
)

// Program is a graph compiled to float32: a function from parameters and inputs
// to outputs, mapped over rows. It does not change and is safe for concurrent
// use. See the package comment for how a call flows.
type Program struct {
	params  []Param
	inputs  []shaped
	outs    []output
	shares  bool       // there is a variant for rows that share the time
	variant [2]variant // of which the second is for those

	// What depends on the weights alone.
	refresh   list
	weightOf  map[int]buffer
	done      map[int]bool
	sizes     []int
	constants []constant
	packings  []packing
	packed    map[packing]int // their numbers, without patterns

	strips, stripSize, spots int // of the largest group
}

type shaped struct {
	name  string
	shape []int
}

type output struct {
	shape []int
	sum   bool // over rows
}

// constant is a constant array in its place.
type constant struct {
	to   buffer
	data []float32
}

// packing says how a weight is packed: B [k][n] for products, B[l][j] at
// offset + l*ld + j of a buffer or, transposed, at offset + j*ld + l.
type packing struct {
	from       buffer
	offset, ld int
	transposed bool
	k, n       int
	pattern    *matrix.Pattern // of what may be other than zero; nil is all
}

// variant is a program for a kind of call.
type variant struct {
	once, body, finish []instruction
	offsets            []int // of the buffers of the arena, in elements for each row
	onces, sums        []int // sizes
	width              int   // elements of the arena for each row
	tile               int   // rows
	machines           sync.Pool
}

// The arena of a tile should stay in the second-level cache, which holds at
// least arenaSize elements; and a tile should have rows enough to use a weight
// often while it is near. A program with sums over rows takes mostTile whatever
// its arena: a sum is read and written once for each tile, and the derivative of
// a weight is as large as the weight. Images would take gigabytes so: their sums
// are over many places already, and an arena has at most mostArena elements, or
// leastTile rows. Where all sums are at most smallSum and the arena is larger than
// largeArena, the cache gains more by half as many rows than the sums lose.
const (
	arenaSize = 160 << 10
	mostArena = 16 << 20
	leastTile = 16
	mostTile  = 256

	smallSum   = 128 * 128
	largeArena = 256 << 10
)

// Compile makes a program that computes outs. Values of a row come out row by
// row. Sums over rows, as derivatives for parameters are, are added to what the
// caller's slices hold.
func Compile(g *Graph, outs ...Value) (*Program, error) {
	if g.own("compile", outs...); g.err != nil {
		return nil, g.err
	}
	if len(outs) == 0 {
		return nil, errors.New("autodiff: a program without outputs")
	}
	p := &Program{params: g.Params(), weightOf: map[int]buffer{}, done: map[int]bool{}, packed: map[packing]int{}}
	sums := false
	for _, n := range g.inputs {
		p.inputs = append(p.inputs, shaped{g.nodes[n].name, slices.Clone(g.nodes[n].shape)})
		p.shares = p.shares || g.nodes[n].class == timely
	}
	for _, o := range outs {
		sum := g.nodes[o.n].class == reduced
		p.outs = append(p.outs, output{o.Shape(), sum})
		sums = sums || sum
	}
	// The sum of a value that rows share would have to be taken as many times.
	p.shares = p.shares && !sums
	(&lowering{g: g, p: p}).lower(outs, &p.variant[0])
	if p.shares {
		(&lowering{g: g, p: p, shared: true}).lower(outs, &p.variant[1])
	}
	p.weightOf, p.done, p.packed = nil, nil, nil
	return p, nil
}

// overRows says whether an instruction is a sum over rows that is as large as a weight.
func overRows(i instruction) bool {
	switch i.(type) {
	case *outerSum, *kernels:
		return true
	}
	return false
}

// variant lays out the arena and chooses the tile.
func (l *lowering) variant(v *variant) {
	v.once, v.body, v.finish = l.once.code, l.body.code, l.finish.code
	v.onces, v.sums = l.onces, l.sums
	times := make([]interval, len(l.arena))
	for i, b := range l.arena {
		times[i] = interval{size: b.planes * b.ld, from: -1}
	}
	for at, i := range v.body {
		i.buffers(func(b buffer, write bool) {
			if b.space != inArena {
				return
			}
			t := &times[b.id]
			if t.from < 0 {
				t.from = at
			}
			t.to = at
		})
	}
	order := make([]int, len(times))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return times[a].from - times[b].from })
	sorted := make([]interval, len(times))
	for i, k := range order {
		sorted[i] = times[k]
	}
	v.width = place(sorted)
	v.offsets = make([]int, len(times))
	for i, k := range order {
		v.offsets[k] = sorted[i].offset
	}
	v.tile = min(max(arenaSize/max(v.width, 1)/16*16, leastTile), mostTile)
	if slices.ContainsFunc(v.body, overRows) {
		most := mostTile
		if v.width*most > largeArena && l.largestSum() <= smallSum {
			most /= 2
		}
		v.tile = min(most, max(v.tile, mostArena/max(v.width, 1)/16*16))
	}
}

// largestSum is the size of the largest matrix that is summed over rows.
func (l *lowering) largestSum() (n int) {
	for _, i := range l.body.code {
		if s, ok := i.(*outerSum); ok {
			n = max(n, s.a.width*s.b.width)
		}
	}
	return n
}

// Params are the parameters, in the order that Bind takes them in.
func (p *Program) Params() []Param { return slices.Clone(p.params) }

// Tile is the number of rows that go through the program together.
func (p *Program) Tile() int { return p.variant[0].tile }

// Bound is a program with its weights. Calls may run concurrently, but not
// while Refresh runs or the weights are written.
type Bound struct {
	p      *Program
	params [][]float32
	values [][]float32
	packed []matrix.Packed
	own    *machine // that refreshes

	pieces []piece
	pack   func(int) // packPiece, made once
}

type piece struct{ packed, piece int }

// Bind joins a program with the slices of its parameters, which it keeps, and
// makes ready for calls.
func (p *Program) Bind(params [][]float32) (*Bound, error) {
	if len(params) != len(p.params) {
		return nil, fmt.Errorf("autodiff: %d parameters given, the program has %d", len(params), len(p.params))
	}
	for i, s := range p.params {
		if len(params[i]) != s.Size() {
			return nil, fmt.Errorf("autodiff: parameter %q has %d elements, its shape is %v", s.Name, len(params[i]), s.Shape)
		}
	}
	b := &Bound{p: p, params: slices.Clone(params), packed: make([]matrix.Packed, len(p.packings))}
	for _, n := range p.sizes {
		b.values = append(b.values, make([]float32, n))
	}
	for _, c := range p.constants {
		copy(b.values[c.to.id], c.data)
	}
	b.own = &machine{bound: b}
	b.own.groups(p)
	b.pack = b.packPiece
	b.Refresh(nil)
	return b, nil
}

// Refresh takes the weights as they are now into use. Its pieces are
// independent; share may hand them out to workers, and nil does them one after
// the other.
func (b *Bound) Refresh(share func(pieces int, do func(piece int))) {
	b.own.run(b.p.refresh.code, 1)
	b.pieces = b.pieces[:0]
	for i, s := range b.p.packings {
		b.packed[i].Resize(s.k, s.n)
		b.packed[i].Restrict(s.pattern)
		for k := range b.packed[i].Pieces() {
			b.pieces = append(b.pieces, piece{i, k})
		}
	}
	if share != nil {
		share(len(b.pieces), b.pack)
		return
	}
	for i := range b.pieces {
		b.packPiece(i)
	}
}

func (b *Bound) packPiece(i int) {
	at := b.pieces[i]
	s := &b.p.packings[at.packed]
	data := b.own.block(s.from, 1).data[s.offset:]
	if s.transposed {
		b.packed[at.packed].PackPieceTransposed(at.piece, data, s.ld)
	} else {
		b.packed[at.packed].PackPiece(at.piece, data, s.ld)
	}
}

// Call computes the outputs for some rows. There is one slice per input and
// output, laid out as [leading axes][rows][last axis]; a nil output is not
// wanted (but computed). An output that is a sum over rows has the shape of its
// value alone, and is added to: tile by tile, plane by plane and row by
// row, so the same call gives the same bits, and where values have one axis the
// sum of several calls gives those of one. With share the time inputs
// are read from the first row. A result of a row depends on that row alone, to
// the bit. Slices that are too short panic.
func (b *Bound) Call(rows int, share bool, in, out [][]float32) {
	p := b.p
	if len(in) != len(p.inputs) || len(out) != len(p.outs) {
		panic("autodiff: not one slice per input and output")
	}
	for i, s := range p.inputs {
		if len(in[i]) < rows*size(s.shape) {
			panic("autodiff: input shorter than its rows")
		}
	}
	for i, o := range p.outs {
		n := size(o.shape)
		if !o.sum {
			n *= rows
		}
		if out[i] != nil && len(out[i]) < n {
			panic("autodiff: output shorter than its rows")
		}
	}
	if rows <= 0 {
		return
	}
	v := &p.variant[0]
	if share && p.shares {
		v = &p.variant[1]
	}
	m, _ := v.machines.Get().(*machine)
	if m == nil {
		m = newMachine(p, v)
	}
	m.bound, m.in, m.out, m.total = b, in, out, rows
	m.call(v)
	m.bound, m.in, m.out = nil, nil, nil
	clear(m.spots)
	v.machines.Put(m)
}
