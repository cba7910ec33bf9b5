package graph

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"
)

// example is the pipeline of the documentation.
func example() Graph {
	return Graph{
		Nodes: []Node{
			{Name: "data", Kind: "loader", Use: "parquet", Line: 9},
			{Name: "scaled", Kind: "transform", Use: "standardize"},
			{Name: "path", Kind: "path", Use: "condot"},
			{Name: "field", Kind: "model", Use: "mlp"},
			{Name: "solver", Kind: "solver", Use: "dopri5"},
			{Name: "train", Kind: "trainer", Use: "cfm"},
			{Name: "samples", Kind: "sampler", Use: "ode"},
			{Name: "scores", Kind: "likelihood", Use: "ode"},
			{Name: "quality", Kind: "evaluator", Use: "two-sample"},
		},
		Edges: []Edge{
			{From: "data", To: "scaled", Port: "data", Label: "2 x float64"},
			{From: "scaled", To: "train", Port: "data", Split: "train", Label: "x[2] float32"},
			{From: "scaled", To: "train", Port: "valid", Split: "valid", Label: "x[2] float32"},
			{From: "path", To: "train", Port: "path"},
			{From: "field", To: "train", Port: "model"},
			{From: "train", To: "samples", Port: "flow", Label: "flow"},
			{From: "solver", To: "samples", Port: "solver"},
			{From: "train", To: "scores", Port: "flow", Label: "flow"},
			{From: "data", To: "scores", Port: "data", Split: "test", Label: "2 x float64"},
			{From: "solver", To: "scores", Port: "solver"},
			{From: "data", To: "quality", Port: "data", Split: "test", Label: "2 x float64"},
			{From: "samples", To: "quality", Port: "sample", Label: "2 x float64"},
		},
	}
}

// graphs are those that every law below holds for.
func graphs() map[string]Graph {
	hostile := `a<b>"c"&'d' #1;` + "\n\x01"
	wide := Graph{Nodes: []Node{{Name: "hub", Kind: "trainer", Use: "cfm"}}}
	for i := range 30 {
		n := fmt.Sprint("s", i)
		wide.Nodes = append(wide.Nodes, Node{Name: n, Kind: "loader", Use: "parquet"})
		wide.Edges = append(wide.Edges, Edge{From: n, To: "hub", Port: "data", Label: "x"})
	}
	chain := Graph{}
	for i := range 40 {
		chain.Nodes = append(chain.Nodes, Node{Name: fmt.Sprint("c", i), Kind: "transform", Use: "u"})
		if i > 0 {
			chain.Edges = append(chain.Edges, Edge{From: fmt.Sprint("c", i-1), To: fmt.Sprint("c", i), Port: "data"})
		}
	}
	chain.Edges = append(chain.Edges, Edge{From: "c0", To: "c39", Port: "far"})
	return map[string]Graph{
		"empty":   {},
		"example": example(),
		"hostile": {Nodes: []Node{{Name: hostile, Kind: hostile, Use: hostile}, {Name: "b"}}, Edges: []Edge{{From: hostile, To: "b", Port: hostile, Label: hostile}}},
		"circle":  {Nodes: []Node{{Name: "a"}, {Name: "b"}}, Edges: []Edge{{From: "a", To: "b"}, {From: "b", To: "a"}, {From: "a", To: "a"}}},
		"unknown": {Nodes: []Node{{Name: "a"}}, Edges: []Edge{{From: "a", To: "nobody"}, {From: "nobody", To: "a"}}},
		"wide":    wide,
		"chain":   chain,
	}
}

func TestSVGIsXML(t *testing.T) {
	for name, g := range graphs() {
		svg := g.SVG()
		d := xml.NewDecoder(strings.NewReader(svg))
		var text strings.Builder
		for {
			tok, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, svg)
			}
			if c, ok := tok.(xml.CharData); ok {
				text.Write(c)
			}
		}
		for _, n := range g.Nodes {
			want := strings.ReplaceAll(n.Name, "\x01", "\uFFFD")
			if !strings.Contains(text.String(), want) {
				t.Errorf("%s: the picture does not show %q", name, n.Name)
			}
		}
		if svg != g.SVG() {
			t.Errorf("%s: two drawings differ", name)
		}
	}
}

func TestBoxesDoNotOverlap(t *testing.T) {
	for name, g := range graphs() {
		l := newLayered(g)
		w, h := l.place(g)
		for i, a := range l.items {
			if a.x-a.width/2 < 0 || a.x+a.width/2 > w || a.y-a.height/2 < 0 || a.y+a.height/2 > h {
				t.Errorf("%s: item %d lies outside of the picture", name, i)
			}
			for j, b := range l.items[:i] {
				if a.node >= 0 && b.node >= 0 && abs(a.x-b.x) < (a.width+b.width)/2-1e-9 && abs(a.y-b.y) < (a.height+b.height)/2-1e-9 {
					t.Errorf("%s: items %d and %d overlap", name, i, j)
				}
			}
		}
	}
}

func TestEdgesGoForward(t *testing.T) {
	for name, g := range graphs() {
		l := newLayered(g)
		drawn := 0
		for _, chain := range l.chains {
			if len(chain) > 0 {
				drawn++
			}
			for k := 1; k < len(chain); k++ {
				if l.items[chain[k]].layer != l.items[chain[k-1]].layer+1 {
					t.Errorf("%s: an edge skips a layer", name)
				}
			}
		}
		if name == "example" && drawn != len(g.Edges) {
			t.Errorf("example: %d of %d edges are drawn", drawn, len(g.Edges))
		}
	}
}

func TestSourcesStandNextToTheirConsumer(t *testing.T) {
	l := newLayered(example())
	at := example().index()
	if a, b := l.items[at["solver"]].layer, l.items[at["samples"]].layer; a != b-1 {
		t.Errorf("solver in layer %d, its consumer in %d", a, b)
	}
}

func TestBarycentresUncross(t *testing.T) {
	g := Graph{
		Nodes: []Node{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}, {Name: "e"}, {Name: "f"}},
		Edges: []Edge{{From: "a", To: "f"}, {From: "b", To: "e"}, {From: "c", To: "d"}},
	}
	if n := newLayered(g).crossings(); n != 0 {
		t.Errorf("%d crossings are left, 0 are needed", n)
	}
}

func TestText(t *testing.T) {
	text := example().Text()
	for _, want := range []string{"train    trainer/cfm\n", "data <- scaled.train", "x[2] float32"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Index(text, "train    trainer") > strings.Index(text, "samples  sampler") {
		t.Error("a consumer stands before its producer")
	}
	for name, g := range graphs() {
		if got := len(g.sorted()); got != len(g.Nodes) {
			t.Errorf("%s: %d of %d nodes are listed", name, got, len(g.Nodes))
		}
	}
}

func TestOtherFormatsAreQuoted(t *testing.T) {
	g := graphs()["hostile"]
	dot := g.DOT()
	if !strings.Contains(dot, `a<b>\"c\"&'d' #1;\n`) || strings.Count(dot, "\n") != 8 {
		t.Errorf("not quoted:\n%s", dot)
	}
	m := g.Mermaid()
	if strings.Count(m, `"`) != 6 || strings.Count(m, "\n") != 4 {
		t.Errorf("not quoted:\n%s", m)
	}
}

func abs(x float64) float64 { return max(x, -x) }
