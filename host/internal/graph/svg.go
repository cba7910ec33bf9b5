package graph

import (
	"fmt"
	"strings"
)

// SVG draws the graph. The picture is self-contained and scales; colours are
// CSS variables that follow the reader's light or dark scheme and that a page
// around it may set (--pl-ink, --pl-line, --pl-paper, --pl-KIND).
func (g Graph) SVG() string {
	l := newLayered(g)
	w, h := l.place(g)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="pathline-graph" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-label="graph of the pipeline">`+"\n", w, h, w, h)
	b.WriteString(svgStyle)
	b.WriteString(`<defs><marker id="pl-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0.8 L7.2 4 L0 7.2 z" class="pl-head"/></marker></defs>` + "\n")
	taken := newCaptions(l)
	var text strings.Builder // above every line
	for e, chain := range l.chains {
		if len(chain) > 0 {
			g.svgEdge(&b, &text, l, e, chain, taken)
		}
	}
	b.WriteString(`<g class="pl-edge">` + "\n" + text.String() + "</g>\n")
	for _, it := range l.items {
		if it.node >= 0 {
			svgNode(&b, g.Nodes[it.node], it)
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func svgNode(b *strings.Builder, n Node, it item) {
	class := "pl-node pl-k-" + cssName(n.Kind)
	if n.Status != "" {
		class += " pl-s-" + cssName(n.Status)
	}
	title := n.Name + ": " + n.Kind + " " + n.Use
	if n.Line > 0 {
		title += fmt.Sprintf(" (line %d)", n.Line)
	}
	fmt.Fprintf(b, `<g class="%s"><title>%s</title><rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="9"/>`,
		class, escape(title), it.x-it.width/2, it.y-it.height/2, it.width, it.height)
	fmt.Fprintf(b, `<text class="pl-name" x="%.1f" y="%.1f">%s</text>`, it.x, it.y-3, escape(n.Name))
	fmt.Fprintf(b, `<text class="pl-use" x="%.1f" y="%.1f">%s · %s</text></g>`+"\n", it.x, it.y+14, escape(n.Kind), escape(n.Use))
}

// svgEdge draws a smooth line through the bends, with the caption on the last
// piece, beside the stage that reads it.
func (g Graph) svgEdge(b, text *strings.Builder, l *layered, e int, chain []int, c *captions) {
	var pts []point
	first, last := l.items[chain[0]], l.items[chain[len(chain)-1]]
	pts = append(pts, point{first.x + first.width/2, l.portY(chain[0], e, first.outOrder)})
	for _, c := range chain[1 : len(chain)-1] {
		it := l.items[c]
		half := l.layerWidth(it.layer) / 2
		pts = append(pts, point{it.x - half, it.y}, point{it.x + half, it.y})
	}
	pts = append(pts, point{last.x - last.width/2 - 2, l.portY(chain[len(chain)-1], e, last.inOrder)})
	var d strings.Builder
	fmt.Fprintf(&d, "M%.1f %.1f", pts[0].x, pts[0].y)
	for i := 1; i < len(pts); i++ {
		p, q := pts[i-1], pts[i]
		m := (p.x + q.x) / 2
		fmt.Fprintf(&d, " C%.1f %.1f %.1f %.1f %.1f %.1f", m, p.y, m, q.y, q.x, q.y)
	}
	edge := g.Edges[e]
	at := c.place(edge.caption(), pts[len(pts)-2], pts[len(pts)-1])
	class := "pl-edge"
	if edge.Label == "" {
		class += " pl-service"
	}
	fmt.Fprintf(b, `<g class="%s"><title>%s</title><path d="%s" marker-end="url(#pl-arrow)"/></g>`+"\n", class,
		escape(edge.source()+" → "+edge.To+"."+edge.Port), d.String())
	fmt.Fprintf(text, `<text x="%.1f" y="%.1f">%s</text>`+"\n", at.x, at.y, escape(edge.caption()))
}

func (l *layered) layerWidth(k int) float64 {
	w := 0.0
	for _, i := range l.layers[k] {
		w = max(w, l.items[i].width)
	}
	return w
}

// cssName keeps letters, digits and hyphens: kinds may come from plugins.
func cssName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, strings.ToLower(s))
}

// escape makes any string safe as XML text or attribute; characters that XML
// 1.0 has no place for become U+FFFD.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '"':
			b.WriteString("&#34;")
		case r == '\'':
			b.WriteString("&#39;")
		case r < 0x20 && r != '\t' && r != '\n' && r != '\r', r == 0xFFFE, r == 0xFFFF:
			b.WriteRune('\uFFFD')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

const svgStyle = `<style>
.pathline-graph{--pl-ink:#1c2330;--pl-soft:#5b6577;--pl-line:#8b95a7;--pl-paper:#ffffff;
--pl-loader:#dbeafe;--pl-transform:#e0f2fe;--pl-coupling:#fae8ff;--pl-path:#f3e8ff;--pl-model:#ede9fe;--pl-solver:#fce7f3;
--pl-trainer:#ffedd5;--pl-sampler:#dcfce7;--pl-likelihood:#d1fae5;--pl-evaluator:#fef9c3;--pl-writer:#e5e7eb;--pl-other:#eef1f5;
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;max-width:100%;height:auto}
@media (prefers-color-scheme:dark){.pathline-graph{--pl-ink:#e8ecf3;--pl-soft:#a5afc0;--pl-line:#6d788c;--pl-paper:#12161d;
--pl-loader:#1e3a5f;--pl-transform:#164e63;--pl-coupling:#581c6b;--pl-path:#44286b;--pl-model:#3b2f73;--pl-solver:#6b1f47;
--pl-trainer:#6b3a12;--pl-sampler:#14532d;--pl-likelihood:#0f4f3f;--pl-evaluator:#5a4a10;--pl-writer:#374151;--pl-other:#2a313c}}
.pathline-graph text{text-anchor:middle;fill:var(--pl-ink)}
.pathline-graph .pl-name{font-size:14px;font-weight:600}
.pathline-graph .pl-use{font-size:11px;fill:var(--pl-soft)}
.pathline-graph .pl-node rect{fill:var(--pl-other);stroke:var(--pl-line);stroke-width:1}
.pathline-graph .pl-edge path{fill:none;stroke:var(--pl-line);stroke-width:1.5}
.pathline-graph .pl-service path{stroke-dasharray:4 3}
.pathline-graph .pl-head{fill:var(--pl-line);stroke:none}
.pathline-graph .pl-edge text{font-size:11px;fill:var(--pl-soft);paint-order:stroke;stroke:var(--pl-paper);stroke-width:4px;stroke-linejoin:round}
.pathline-graph .pl-s-failed rect{stroke:#dc2626;stroke-width:2.5}
.pathline-graph .pl-s-interrupted rect{stroke:#d97706;stroke-width:2.5}
.pathline-graph .pl-k-loader rect{fill:var(--pl-loader)}
.pathline-graph .pl-k-transform rect{fill:var(--pl-transform)}
.pathline-graph .pl-k-coupling rect{fill:var(--pl-coupling)}
.pathline-graph .pl-k-path rect{fill:var(--pl-path)}
.pathline-graph .pl-k-model rect{fill:var(--pl-model)}
.pathline-graph .pl-k-solver rect{fill:var(--pl-solver)}
.pathline-graph .pl-k-trainer rect{fill:var(--pl-trainer)}
.pathline-graph .pl-k-sampler rect{fill:var(--pl-sampler)}
.pathline-graph .pl-k-likelihood rect{fill:var(--pl-likelihood)}
.pathline-graph .pl-k-evaluator rect{fill:var(--pl-evaluator)}
.pathline-graph .pl-k-writer rect{fill:var(--pl-writer)}
</style>
`
