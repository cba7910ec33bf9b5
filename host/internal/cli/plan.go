package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pathline/pathline/host/internal/ui"
	"github.com/pathline/pathline/pipeline"
)

// selectFlags choose the stages of a plan or a run.
type selectFlags struct {
	out     string
	only    []string
	from    string
	noCache bool
}

func (f *selectFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.out, "out", "o", "", "output folder `DIR` (default runs/NAME)")
	cmd.Flags().StringArrayVar(&f.only, "only", nil, "run this `STAGE` and no others that are not named (may be given more than once)")
	cmd.Flags().StringVar(&f.from, "from", "", "run this `STAGE` and all that come after it, whatever is up to date")
	cmd.Flags().BoolVar(&f.noCache, "no-cache", false, "run every stage, whatever is up to date")
	_ = cmd.MarkFlagDirname("out")
}

func (f *selectFlags) options() pipeline.PlanOptions {
	o := pipeline.PlanOptions{Out: f.out, NoCache: f.noCache}
	for _, names := range f.only {
		o.Only = append(o.Only, strings.Split(names, ",")...)
	}
	if f.from != "" {
		o.From = strings.Split(f.from, ",")
	}
	return o
}

func (a *app) planCommand() *cobra.Command {
	var load loadFlags
	var sel selectFlags
	cmd := a.command(&cobra.Command{
		Use:   "plan FILE [--set a.b=v]... [--out DIR] [--only STAGE]... [--from STAGE] [--no-cache]",
		Short: "Say what would run, what is up to date, and what changed",
		Long: `Compare a pipeline with what its last run left in the output folder: for each
stage, whether it would run and why, or that it is up to date; the rows and steps
that are known; the files that it writes. Nothing is run and nothing is written.`,
		Example: "  host plan pipeline.yaml\n  host plan pipeline.yaml --set params.steps=20000",
		Args:    takes("FILE"),
	}, func(cmd *cobra.Command, args []string) (result, error) {
		p, plugins, err := a.load(cmd.Context(), args[0], load)
		if err != nil {
			return result{}, err
		}
		defer plugins.close()
		plan, err := p.Plan(cmd.Context(), sel.options())
		if err != nil {
			return result{}, err
		}
		return result{plan, func(w io.Writer) { writePlan(w, plan) }}, nil
	})
	load.add(cmd)
	load.isolate.add(cmd)
	sel.add(cmd)
	return cmd
}

func writePlan(w io.Writer, plan *pipeline.Plan) {
	rows := [][]string{{"STAGE", "USES", "ROWS", "STEPS", "ACTION", "BECAUSE"}}
	run := 0
	for _, s := range plan.Stages {
		count := func(n int64) string {
			switch {
			case n < 0:
				return "?"
			case n == 0:
				return ""
			}
			return ui.Count(n)
		}
		words := strings.ReplaceAll(s.Action, "-", " ")
		if s.Action == pipeline.ActionRun {
			words = "will run"
			run++
		}
		rows = append(rows, []string{clean(s.Name), clean(s.Kind + "/" + s.Use), count(s.Rows), count(s.Steps), words, clean(s.Why)})
	}
	table(w, "", rows)
	fmt.Fprintf(w, "\n%d of %s would run; outputs go to %s\n", run, plural(len(plan.Stages), "stage"), clean(plan.Out))
}
