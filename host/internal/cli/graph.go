package cli

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/pathline/pathline/host/internal/graph"
	"github.com/pathline/pathline/pipeline"
)

func (a *app) graphCommand() *cobra.Command {
	var load loadFlags
	format := choice{value: "text", allowed: []string{"text", "mermaid", "dot", "svg"}}
	cmd := a.command(&cobra.Command{
		Use:   "graph FILE [--format text|mermaid|dot|svg] [--set a.b=v]...",
		Short: "Draw a pipeline, with the schemas of the rows on its edges",
		Long: `Draw the stages of a pipeline and what flows between them. The SVG is laid out
by the host itself and needs no other program. With --json the result holds the
nodes and edges, and the drawing under the name of its format.`,
		Example: "  host graph pipeline.yaml\n  host graph pipeline.yaml --format svg > pipeline.svg",
		Args:    takes("FILE"),
	}, func(cmd *cobra.Command, args []string) (result, error) {
		p, plugins, err := a.load(cmd.Context(), args[0], load)
		if err != nil {
			return result{}, err
		}
		defer plugins.close()
		g := drawing(p.Graph())
		text := map[string]func() string{"text": g.Text, "mermaid": g.Mermaid, "dot": g.DOT, "svg": g.SVG}[format.value]()
		value := map[string]any{"nodes": g.Nodes, "edges": g.Edges}
		if cmd.Flags().Changed("format") {
			value["format"], value[format.value] = format.value, text
		}
		return result{value, func(w io.Writer) { _, _ = io.WriteString(w, text) }}, nil
	})
	load.add(cmd)
	cmd.Flags().Var(&format, "format", "what to draw it in")
	format.complete(cmd, "format")
	return cmd
}

// drawing is the pipeline's graph as package graph takes it.
func drawing(p pipeline.Graph) graph.Graph {
	g := graph.Graph{Nodes: []graph.Node{}, Edges: []graph.Edge{}}
	for _, n := range p.Nodes {
		g.Nodes = append(g.Nodes, graph.Node{Name: n.Name, Kind: n.Kind, Use: n.Use, Line: n.Line})
	}
	for _, e := range p.Edges {
		label := e.Label
		if label == "" && e.Port == "flow" {
			label = "flow" // a file, not a service: drawn as rows are
		}
		g.Edges = append(g.Edges, graph.Edge{From: e.From, To: e.To, Port: e.Port, Split: e.Split, Label: label})
	}
	return g
}
