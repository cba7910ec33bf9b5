package graph

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Text lists the stages in the order in which they run, each with what it
// takes.
func (g Graph) Text() string {
	width, source := 0, 0
	for _, n := range g.Nodes {
		width = max(width, utf8.RuneCountInString(n.Name))
	}
	for _, e := range g.Edges {
		source = max(source, utf8.RuneCountInString(e.Port+" <- "+e.source()))
	}
	var b strings.Builder
	for _, n := range g.sorted() {
		fmt.Fprintf(&b, "%s  %s/%s\n", pad(n.Name, width), n.Kind, n.Use)
		for _, e := range g.Edges {
			if e.To == n.Name {
				line := strings.Repeat(" ", width) + "    " + pad(e.Port+" <- "+e.source(), source) + "  " + e.Label
				b.WriteString(strings.TrimRight(line, " ") + "\n")
			}
		}
	}
	return b.String()
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// sorted is the nodes with producers before consumers, otherwise in the order
// of the graph.
func (g Graph) sorted() []Node {
	at := g.index()
	wait := make([]int, len(g.Nodes))
	for _, e := range g.Edges {
		if _, ok := at[e.From]; ok && e.From != e.To {
			if b, ok := at[e.To]; ok {
				wait[b]++
			}
		}
	}
	var out []Node
	done := make([]bool, len(g.Nodes))
	for len(out) < len(g.Nodes) {
		next := -1
		for i := range g.Nodes {
			if !done[i] && wait[i] == 0 {
				next = i
				break
			}
		}
		if next < 0 { // a circle: the rest as it stands
			for i, n := range g.Nodes {
				if !done[i] {
					out = append(out, n)
				}
			}
			return out
		}
		done[next] = true
		out = append(out, g.Nodes[next])
		for _, e := range g.Edges {
			if b, ok := at[e.To]; ok && e.From == g.Nodes[next].Name && e.From != e.To {
				wait[b]--
			}
		}
	}
	return out
}
