package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pathline/pathline/host/internal/ui"
	"github.com/pathline/pathline/pipeline"
)

// runResult is run.json, with where it lies.
type runResult struct {
	*pipeline.Record
	Out    string `json:"out"`
	Report string `json:"report,omitempty"`
}

func (a *app) runCommand() *cobra.Command {
	var load loadFlags
	var sel selectFlags
	var perf performFlags
	var seeds seedsFlag
	var resume, yes bool
	cmd := a.command(&cobra.Command{
		Use:   "run FILE [--out DIR] [--set a.b=v]... [flags]",
		Short: "Run a pipeline",
		Long: `Check a pipeline file and run its stages. A stage whose inputs, configuration,
seed and code have not changed is not run again. Outputs, run.json and
report.html go to the output folder, runs/NAME by default.

The first Ctrl-C stops at the next safe point and saves, the second stops at
once; --resume goes on from there to the same results.

With --seeds the pipeline runs once for each seed, into OUT/seed-N, and
OUT/seeds.json has every metric of every stage: mean, standard deviation and
standard error over the seeds. A seed that fails does not stop the others.

Exit codes: 0 done, 1 a stage failed, 2 the file or the arguments are wrong,
3 the environment, 4 a plugin, 130 or 143 interrupted.`,
		Example: `  host run pipeline.yaml
  host run pipeline.yaml --set params.steps=20000 --out runs/long
  host run pipeline.yaml --only samples --only scores
  host run pipeline.yaml --seeds 42..46
  host run pipeline.yaml --events ndjson | jq .`,
		Args: takes("FILE"),
	}, func(cmd *cobra.Command, args []string) (result, error) {
		if err := perf.check(a, cmd); err != nil {
			return result{}, err
		}
		load.isolate.yes, load.logs = yes, &perf
		if seeds.list != nil {
			return a.runSeeds(cmd.Context(), args[0], seeds.list, load, sel, resume, perf)
		}
		p, plugins, err := a.load(cmd.Context(), args[0], load)
		if err != nil {
			return result{}, err
		}
		defer plugins.close()
		record, page, err := a.runLoaded(cmd.Context(), p, plugins, sel, resume, perf)
		if err != nil {
			if page != "" && !perf.quiet && !a.json {
				a.note("what there is so far: " + page)
			}
			return result{}, err
		}
		r := result{value: runResult{record, record.Out, page}}
		if !perf.quiet && perf.events.value == "" {
			r.text = func(w io.Writer) { writeRun(w, record, page) }
		}
		return r, nil
	})
	load.add(cmd)
	load.isolate.add(cmd)
	sel.add(cmd)
	perf.add(cmd)
	cmd.Flags().Var(&seeds, "seeds", "run once for each of these seeds, 42..46 or 1,5,9, and sum up")
	cmd.Flags().BoolVar(&resume, "resume", false, "continue stages from where an interrupted run saved them")
	cmd.Flags().BoolVar(&load.isolate.bare, "no-crash-bundle", false, "when a plugin fails keep no folder that shows it again; such a folder holds rows of the data")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "accept plugins that are not those of pathline.lock, and keep that in it")
	return cmd
}

// runLoaded runs a pipeline and writes its report; page is its name, or "".
func (a *app) runLoaded(ctx context.Context, p *pipeline.Pipeline, plugins *pluginSet, sel selectFlags, resume bool, perf performFlags) (record *pipeline.Record, page string, err error) {
	o := pipeline.RunOptions{PlanOptions: sel.options(), Resume: resume, Version: hostVersion().Version, Plugins: plugins.host.Records}
	record, warnings, err := a.perform(ctx, p, o, perf)
	if record != nil {
		var e error
		if page, e = a.writeReport(ctx, p, plugins, record, warnings); e != nil && err == nil {
			err = e
		}
	}
	return record, page, err
}

func writeRun(w io.Writer, r *pipeline.Record, page string) {
	fmt.Fprintf(w, "\ndone in %s\n", ui.Seconds(r.Seconds))
	rows := [][]string{{"outputs", clean(r.Out)}}
	if page != "" {
		rows = append(rows, []string{"report", clean(page)})
	}
	table(w, "  ", rows)
}
