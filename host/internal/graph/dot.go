package graph

import (
	"fmt"
	"strings"
)

// DOT writes the language of Graphviz.
func (g Graph) DOT() string {
	var b strings.Builder
	b.WriteString("digraph pipeline {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n")
	for _, n := range g.Nodes {
		fmt.Fprintf(&b, "  %s [label=%s];\n", dotText(n.Name), dotText(n.Name+"\n"+n.Kind+" · "+n.Use))
	}
	at := g.index()
	for _, e := range g.Edges {
		if _, ok := at[e.From]; !ok {
			continue
		}
		if _, ok := at[e.To]; !ok {
			continue
		}
		style := ""
		if e.Label == "" {
			style = ", style=dashed"
		}
		fmt.Fprintf(&b, "  %s -> %s [label=%s%s];\n", dotText(e.From), dotText(e.To), dotText(e.caption()), style)
	}
	b.WriteString("}\n")
	return b.String()
}

func dotText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", "").Replace(s) + `"`
}
