package graph

// Graph is what is drawn.
type Graph struct {
	Nodes []Node `json:"nodes"`
	Edges []Edge `json:"edges"`
}

// Node is a stage.
type Node struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Use    string `json:"use"`
	Line   int    `json:"line,omitempty"` // in the pipeline file
	Status string `json:"status,omitempty"`
}

// Edge joins the output of From, or one split of it, to a port of To. Label is
// a short word on what flows, as in "3 x float32". An edge that names an
// unknown node is not drawn.
type Edge struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Port  string `json:"port"`
	Split string `json:"split,omitempty"`
	Label string `json:"label,omitempty"`
}

// source is the reference as the pipeline file writes it.
func (e Edge) source() string {
	if e.Split == "" {
		return e.From
	}
	return e.From + "." + e.Split
}

// caption is the text on the edge: what flows, and from which split.
func (e Edge) caption() string {
	switch {
	case e.Split != "" && e.Label != "":
		return e.Split + ": " + e.Label
	case e.Label != "":
		return e.Label
	case e.Split != "":
		return e.Split
	}
	return e.Port
}

// index gives the place of every node; the first of two equal names wins.
func (g Graph) index() map[string]int {
	m := make(map[string]int, len(g.Nodes))
	for i, n := range g.Nodes {
		if _, ok := m[n.Name]; !ok {
			m[n.Name] = i
		}
	}
	return m
}
