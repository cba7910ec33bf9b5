package graph_test

import (
	"fmt"

	"github.com/pathline/pathline/host/internal/graph"
)

func ExampleGraph_Text() {
	g := graph.Graph{
		Nodes: []graph.Node{{Name: "data", Kind: "loader", Use: "generate"}, {Name: "train", Kind: "trainer", Use: "cfm"}},
		Edges: []graph.Edge{{From: "data", To: "train", Port: "data", Label: "2 x float32"}},
	}
	fmt.Print(g.Text())
	// Output:
	// data   loader/generate
	// train  trainer/cfm
	//          data <- data  2 x float32
}
