package graph

import (
	"math"
	"sort"
	"unicode/utf8"
)

// Sizes in pixels of the drawing.
const (
	nameSize    = 14.0
	smallSize   = 11.0
	boxHeight   = 46.0
	portGap     = 13.0 // between edges at one side of a box: tall boxes have many
	boxPad      = 14.0
	rowGap      = 22.0 // between boxes of a layer
	bendHeight  = 14.0 // room that an edge takes where it passes a layer
	columnGap   = 56.0 // between layers, beside the longest caption
	margin      = 16.0
	glyphWidth  = 0.60 // of the font size: wide enough for common sans-serif fonts
	minBoxWidth = 84.0
)

func textWidth(s string, size float64) float64 {
	return glyphWidth * size * float64(utf8.RuneCountInString(s))
}

// place gives every item a position (the centre of a box) and returns the size
// of the drawing.
func (l *layered) place(g Graph) (width, height float64) {
	for i := range l.items {
		it := &l.items[i]
		it.height = bendHeight
		if it.node >= 0 {
			n := g.Nodes[it.node]
			it.height = max(boxHeight, 12+portGap*float64(max(len(it.in), len(it.out))))
			it.width = max(minBoxWidth, 2*boxPad+max(textWidth(n.Name, nameSize), textWidth(n.Kind+" · "+n.Use, smallSize)))
		}
	}
	l.columns(g)
	l.rows()
	for _, it := range l.items {
		width = max(width, it.x+it.width/2+margin)
		height = max(height, it.y+it.height/2+margin)
	}
	l.ports(g)
	return max(width, 2*margin), max(height, 2*margin)
}

// columns sets x: the gap before a layer has room for the captions that are
// written in it.
func (l *layered) columns(g Graph) {
	gap := make([]float64, len(l.layers))
	for i, chain := range l.chains {
		if len(chain) > 0 {
			k := l.items[chain[len(chain)-1]].layer
			gap[k] = max(gap[k], textWidth(g.Edges[i].caption(), smallSize))
		}
	}
	x := margin
	for k, layer := range l.layers {
		if k > 0 {
			x += columnGap + gap[k]
		}
		w := 0.0
		for _, i := range layer {
			w = max(w, l.items[i].width)
		}
		for _, i := range layer {
			l.items[i].x = x + w/2
			if l.items[i].node >= 0 {
				l.items[i].width = w // boxes of a layer line up
			}
		}
		x += w
	}
}

// rows sets y: boxes are stacked, then pulled towards the mean of their
// neighbours while keeping order and distance.
func (l *layered) rows() {
	for _, layer := range l.layers {
		y := 0.0
		for _, i := range layer {
			it := &l.items[i]
			it.y = y + it.height/2
			y += it.height + rowGap
		}
	}
	for sweep := 0; sweep < 24; sweep++ {
		for k := range l.layers {
			if sweep%2 == 1 {
				k = len(l.layers) - 1 - k
			}
			l.pull(k)
		}
	}
	top := math.Inf(1)
	for _, it := range l.items {
		top = min(top, it.y-it.height/2)
	}
	for i := range l.items {
		l.items[i].y += margin - top
	}
}

// pull moves a layer to where its neighbours want it: wishes are kept in
// order by merging boxes that would overlap into blocks that share the mean of
// their wishes (isotonic regression by pooling adjacent violators).
func (l *layered) pull(k int) {
	type block struct {
		sum   float64 // of wishes, relative to the block's start
		n     float64
		first int
	}
	layer := l.layers[k]
	offset := make([]float64, len(layer)) // centre of item i when all are packed from 0
	y := 0.0
	for i, it := range layer {
		offset[i] = y + l.items[it].height/2
		y += l.items[it].height + rowGap
	}
	var blocks []block
	for i, it := range layer {
		b := block{sum: l.wish(it) - offset[i], n: 1, first: i}
		for len(blocks) > 0 {
			last := blocks[len(blocks)-1]
			if last.sum/last.n <= b.sum/b.n {
				break
			}
			b = block{sum: last.sum + b.sum, n: last.n + b.n, first: last.first}
			blocks = blocks[:len(blocks)-1]
		}
		blocks = append(blocks, b)
	}
	for bi, b := range blocks {
		end := len(layer)
		if bi+1 < len(blocks) {
			end = blocks[bi+1].first
		}
		for i := b.first; i < end; i++ {
			l.items[layer[i]].y = b.sum/b.n + offset[i]
		}
	}
}

func (l *layered) wish(i int) float64 {
	it := l.items[i]
	if len(it.in)+len(it.out) == 0 {
		return it.y
	}
	sum := 0.0
	for _, b := range it.in {
		sum += l.items[b].y
	}
	for _, b := range it.out {
		sum += l.items[b].y
	}
	return sum / float64(len(it.in)+len(it.out))
}

// ports orders the edges at each side of a box by where they come from, so
// that they do not cross in front of it.
func (l *layered) ports(g Graph) {
	for e, chain := range l.chains {
		if len(chain) > 0 {
			a, b := chain[0], chain[len(chain)-1]
			l.items[a].outOrder = append(l.items[a].outOrder, e)
			l.items[b].inOrder = append(l.items[b].inOrder, e)
		}
	}
	for i := range l.items {
		in, out := l.items[i].inOrder, l.items[i].outOrder
		sort.SliceStable(in, func(a, b int) bool {
			ca, cb := l.chains[in[a]], l.chains[in[b]]
			return l.items[ca[len(ca)-2]].y < l.items[cb[len(cb)-2]].y
		})
		sort.SliceStable(out, func(a, b int) bool {
			return l.items[l.chains[out[a]][1]].y < l.items[l.chains[out[b]][1]].y
		})
	}
}

// portY is where edge e touches item i.
func (l *layered) portY(i, e int, order []int) float64 {
	for k, o := range order {
		if o == e {
			gap := min(portGap, (l.items[i].height-8)/float64(len(order)))
			return l.items[i].y + (float64(k)-float64(len(order)-1)/2)*gap
		}
	}
	return l.items[i].y
}
