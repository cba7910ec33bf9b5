package pipeline

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
)

// Graph is the pipeline as a picture is drawn from it.
type Graph struct {
	Nodes []GraphNode `json:"nodes"`
	Edges []GraphEdge `json:"edges"`
}

// GraphNode is a stage.
type GraphNode struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	Use  string `json:"use"`
	To   string `json:"to,omitempty"`
	Line int    `json:"line,omitempty"`
}

// GraphEdge joins a stage to a port.
type GraphEdge struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Port  string `json:"port"`
	Split string `json:"split,omitempty"`
	Label string `json:"label,omitempty"` // the schema of rows, in short
}

// Graph draws the stages in the order in which they run.
func (p *Pipeline) Graph() Graph {
	g := Graph{Nodes: []GraphNode{}, Edges: []GraphEdge{}}
	for _, s := range p.stages {
		n := GraphNode{Name: s.name, Kind: s.kind.Name, Use: s.impl.Name, Line: s.at.line}
		if s.to != nil {
			n.To = s.to.file
		}
		g.Nodes = append(g.Nodes, n)
		for _, port := range sortedPorts(s) {
			e := s.from[port]
			if e.producer == nil {
				continue
			}
			edge := GraphEdge{From: e.producer.name, To: s.name, Port: port, Split: e.split}
			if rows, ok := e.producer.planned.Rows[e.split]; ok {
				edge.Label = describeSchema(rows.Schema())
			}
			g.Edges = append(g.Edges, edge)
		}
	}
	return g
}

// describeSchema says in a few words what columns there are.
func describeSchema(s *arrow.Schema) string {
	if s == nil {
		return ""
	}
	text, count := "", 0
	flush := func(t string) {
		if count > 0 {
			if text != "" {
				text += ", "
			}
			if count > 1 {
				text += fmt.Sprintf("%d x ", count)
			}
			text += t
		}
	}
	last := ""
	for _, f := range s.Fields() {
		t := f.Type.String()
		if l, ok := f.Type.(*arrow.FixedSizeListType); ok {
			t = fmt.Sprintf("%s[%d]", l.Elem(), l.Len())
		}
		if t != last {
			flush(last)
			last, count = t, 0
		}
		count++
	}
	flush(last)
	return text
}

// resolvedFile is the pipeline file with every default filled in.
func (p *Pipeline) resolvedFile() map[string]any {
	stages := map[string]any{}
	for _, s := range p.stages {
		m := map[string]any{"kind": s.kind.Name, "use": s.impl.Name, "with": s.config}
		from := map[string]any{}
		for port, e := range s.from {
			switch {
			case e.file != "":
				from[port] = map[string]any{"file": e.file}
			case e.fallback != nil:
				from[port] = map[string]any{"default": e.fallback.Name, "with": e.config}
			case e.split != "":
				from[port] = e.producer.name + "." + e.split
			default:
				from[port] = e.producer.name
			}
		}
		if len(from) > 0 {
			m["from"] = from
		}
		if s.to != nil {
			m["to"] = s.to.file
		}
		stages[s.name] = m
	}
	out := map[string]any{"version": 1, "name": p.Name, "seed": p.Seed, "stages": stages}
	for _, key := range []string{"params", "plugins"} {
		if v, ok := p.resolved[key]; ok {
			out[key] = v
		}
	}
	return out
}
