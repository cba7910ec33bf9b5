package graph

import (
	"fmt"
	"strings"
)

// Mermaid writes a flowchart that Markdown pages draw.
func (g Graph) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	at := g.index()
	for i, n := range g.Nodes {
		fmt.Fprintf(&b, "  n%d(\"%s<br/>%s · %s\")\n", i, mermaidText(n.Name), mermaidText(n.Kind), mermaidText(n.Use))
	}
	for _, e := range g.Edges {
		from, okA := at[e.From]
		to, okB := at[e.To]
		if !okA || !okB {
			continue
		}
		arrow := "-->"
		if e.Label == "" {
			arrow = "-.->"
		}
		fmt.Fprintf(&b, "  n%d %s|\"%s\"| n%d\n", from, arrow, mermaidText(e.caption()), to)
	}
	return b.String()
}

// mermaidText uses Mermaid's entity codes for what would end a quoted label.
func mermaidText(s string) string {
	return strings.NewReplacer("#", "#35;", "\"", "#quot;", "<", "#lt;", ">", "#gt;", "&", "#amp;", "\n", " ", "\r", " ").Replace(s)
}
