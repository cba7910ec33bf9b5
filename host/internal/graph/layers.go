package graph

import "sort"

// layered is a graph whose edges join neighbouring layers only: an edge that
// spans several is a chain through bends.
type layered struct {
	layers [][]int // items of each layer, in drawing order
	items  []item
	chains [][]int // per edge of the graph: items from source to target; nil when not drawn
}

// item is a node of the graph, or a bend of an edge (node < 0).
type item struct {
	node     int
	layer    int
	in, out  []int // items in the layers beside
	x, y     float64
	width    float64
	height   float64
	inOrder  []int // edges that arrive, top to bottom
	outOrder []int
}

// newLayered assigns layers and orders them.
func newLayered(g Graph) *layered {
	at := g.index()
	from, to := make([]int, len(g.Edges)), make([]int, len(g.Edges))
	succ := make([][]int, len(g.Nodes))
	for i, e := range g.Edges {
		a, okA := at[e.From]
		b, okB := at[e.To]
		if !okA || !okB || a == b {
			from[i], to[i] = -1, -1
			continue
		}
		from[i], to[i] = a, b
		succ[a] = append(succ[a], b)
	}
	layer := layerOf(succ)
	l := &layered{chains: make([][]int, len(g.Edges))}
	depth := 0
	for i := range g.Nodes {
		l.items = append(l.items, item{node: i, layer: layer[i]})
		depth = max(depth, layer[i]+1)
	}
	for i := range g.Edges {
		a, b := from[i], to[i]
		if a < 0 || layer[a] >= layer[b] {
			continue // a circle is an error of the file; the picture leaves the edge out
		}
		chain := []int{a}
		for k := layer[a] + 1; k < layer[b]; k++ {
			l.items = append(l.items, item{node: -1, layer: k})
			chain = append(chain, len(l.items)-1)
		}
		chain = append(chain, b)
		for k := 1; k < len(chain); k++ {
			l.items[chain[k-1]].out = append(l.items[chain[k-1]].out, chain[k])
			l.items[chain[k]].in = append(l.items[chain[k]].in, chain[k-1])
		}
		l.chains[i] = chain
	}
	l.layers = make([][]int, depth)
	for i, it := range l.items {
		l.layers[it.layer] = append(l.layers[it.layer], i)
	}
	l.order()
	return l
}

// layerOf is the length of the longest path that ends at each node; a node
// without inputs is then moved right, next to its first consumer. Nodes on a
// circle stay where the walk found them.
func layerOf(succ [][]int) []int {
	n := len(succ)
	in := make([]int, n)
	for _, s := range succ {
		for _, b := range s {
			in[b]++
		}
	}
	layer, source := make([]int, n), make([]bool, n)
	var queue []int
	for i := range succ {
		if in[i] == 0 {
			queue, source[i] = append(queue, i), true
		}
	}
	for len(queue) > 0 {
		a := queue[0]
		queue = queue[1:]
		for _, b := range succ[a] {
			layer[b] = max(layer[b], layer[a]+1)
			if in[b]--; in[b] == 0 {
				queue = append(queue, b)
			}
		}
	}
	for i, s := range succ {
		if source[i] && len(s) > 0 {
			first := layer[s[0]]
			for _, b := range s {
				first = min(first, layer[b])
			}
			layer[i] = max(first-1, 0)
		}
	}
	return layer
}

// order sorts layers by the barycentres of their neighbours, forth and back,
// and keeps the order with the fewest crossings.
func (l *layered) order() {
	best, fewest := l.copyLayers(), l.crossings()
	for sweep := 0; sweep < 12 && fewest > 0; sweep++ {
		if sweep%2 == 0 {
			for k := 1; k < len(l.layers); k++ {
				l.sortLayer(k, func(it item) []int { return it.in })
			}
		} else {
			for k := len(l.layers) - 2; k >= 0; k-- {
				l.sortLayer(k, func(it item) []int { return it.out })
			}
		}
		if c := l.crossings(); c < fewest {
			best, fewest = l.copyLayers(), c
		}
	}
	l.layers = best
}

func (l *layered) copyLayers() [][]int {
	out := make([][]int, len(l.layers))
	for i, s := range l.layers {
		out[i] = append([]int(nil), s...)
	}
	return out
}

// places is where each item stands in its layer.
func (l *layered) places() []int {
	p := make([]int, len(l.items))
	for _, s := range l.layers {
		for i, it := range s {
			p[it] = i
		}
	}
	return p
}

func (l *layered) sortLayer(k int, beside func(item) []int) {
	p := l.places()
	centre := map[int]float64{}
	for i, it := range l.layers[k] {
		n := beside(l.items[it])
		centre[it] = float64(i)
		if len(n) > 0 {
			sum := 0.0
			for _, b := range n {
				sum += float64(p[b])
			}
			centre[it] = sum / float64(len(n))
		}
	}
	sort.SliceStable(l.layers[k], func(a, b int) bool {
		return centre[l.layers[k][a]] < centre[l.layers[k][b]]
	})
}

// crossings counts pairs of edges between neighbouring layers that cross.
func (l *layered) crossings() int {
	p, count := l.places(), 0
	for _, s := range l.layers {
		type seg struct{ a, b int }
		var segs []seg
		for _, it := range s {
			for _, b := range l.items[it].out {
				segs = append(segs, seg{p[it], p[b]})
			}
		}
		for i, x := range segs {
			for _, y := range segs[i+1:] {
				if (x.a-y.a)*(x.b-y.b) < 0 {
					count++
				}
			}
		}
	}
	return count
}
