package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// valid is what validate says of a file that is in order.
type valid struct {
	File   string   `json:"file"`
	Name   string   `json:"name"`
	Seed   uint64   `json:"seed"`
	Stages []string `json:"stages"`
}

func (a *app) validateCommand() *cobra.Command {
	var f loadFlags
	cmd := a.command(&cobra.Command{
		Use:        "validate FILE [--set a.b=v]...",
		SuggestFor: []string{"check", "lint", "verify"},
		Short:      "Find every error of a pipeline file, without running it",
		Long: `Read a pipeline file and report every error in one pass, each with its place,
a reason and a suggestion. Headers of input files are read and plugins are asked
to describe themselves; nothing else is started and nothing is written.`,
		Example: "  host validate pipeline.yaml\n  host validate pipeline.yaml --json",
		Args:    takes("FILE"),
	}, func(cmd *cobra.Command, args []string) (result, error) {
		p, plugins, err := a.load(cmd.Context(), args[0], f)
		if err != nil {
			return result{}, err
		}
		defer plugins.close()
		v := valid{File: args[0], Name: p.Name, Seed: p.Seed}
		for _, n := range p.Graph().Nodes {
			v.Stages = append(v.Stages, n.Name)
		}
		return result{v, func(w io.Writer) {
			fmt.Fprintf(w, "%s: ok, %s\n", args[0], plural(len(v.Stages), "stage"))
		}}, nil
	})
	f.add(cmd)
	return cmd
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
