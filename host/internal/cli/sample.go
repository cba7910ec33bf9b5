package cli

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/pathline/pathline/pipeline"
)

func (a *app) sampleCommand() *cobra.Command {
	var perf performFlags
	var rows int64
	var seed uint64
	var solver, out, plugins string
	var given []string
	var guidance float64
	var density bool
	cmd := a.command(&cobra.Command{
		Use:   "sample FLOW --rows N --out FILE [--seed S] [--solver dopri5] [--given NAME=VALUE]... [--guidance W] [--log-prob] [--with-plugins FILE]",
		Short: "Make new rows with a trained flow",
		Long: `Draw rows from a trained flow, in the columns of the data that it was trained on,
without a pipeline file. A flow with conditions is told their values with --given,
once for each. Equal seeds give equal rows. The ending of --out picks
the format: .parquet, .arrow or .csv.`,
		Example: "  host sample runs/power/train.safetensors --rows 10000 --out new.parquet\n  host sample train.safetensors --rows 100 --solver rk4,steps=40 --out new.csv",
		Args:    takes("FLOW"),
	}, func(cmd *cobra.Command, args []string) (result, error) {
		if err := perf.check(a, cmd); err != nil {
			return result{}, err
		}
		if !cmd.Flags().Changed("rows") {
			return result{}, usage(cmd, "%s needs --rows N", cmd.CommandPath())
		}
		if rows < 1 {
			return result{}, usage(cmd, "--rows must be at least 1, it is %d", rows)
		}
		if err := output(cmd, out); err != nil {
			return result{}, err
		}
		name, with, err := use("--solver", solver)
		if err != nil {
			return result{}, err
		}
		keys := map[string]any{"rows": rows, "guidance": guidance}
		if len(given) > 0 {
			if keys["given"], err = values("--given", given); err != nil {
				return result{}, err
			}
		}
		file, err := filepath.Abs(args[0])
		if err != nil {
			return result{}, pipeline.FileError(err)
		}
		d, err := describeFlow(args[0])
		if err != nil {
			return result{}, err
		}
		if density {
			keys["log_prob"] = true
		}
		from := map[string]any{"flow": pipeline.FlowFile{File: file}}
		stages, err := solving(cmd, d, from, pipeline.StageSpec{Name: "solver", Kind: "solver", Use: name, With: with})
		if err != nil {
			return result{}, err
		}
		return a.single(cmd.Context(), pipeline.Spec{
			Name: "sample", Seed: seed, Dir: ".",
			Stages: append(stages, pipeline.StageSpec{Name: "samples", Kind: "sampler", Use: "ode", From: from,
				With: keys}),
		}, out, plugins, perf)
	})
	cmd.Flags().Int64VarP(&rows, "rows", "n", 0, "make `N` rows")
	cmd.Flags().Uint64Var(&seed, "seed", 0, "seed `S`: every random number is a function of it")
	cmd.Flags().StringVar(&solver, "solver", "dopri5", "the solver `NAME`, with keys after commas: rk4,steps=40")
	cmd.Flags().StringArrayVar(&given, "given", nil, "`NAME=VALUE` of a condition of the flow")
	cmd.Flags().Float64Var(&guidance, "guidance", 1, "weight `W` of classifier-free guidance, 1 is none")
	cmd.Flags().BoolVar(&density, "log-prob", false, "also give the log-density of every row, in nats")
	cmd.Flags().StringVarP(&out, "out", "o", "", "`FILE` to write: .parquet, .arrow or .csv")
	cmd.ValidArgsFunction = files("safetensors")
	withPlugins(cmd, &plugins)
	perf.add(cmd)
	return cmd
}
