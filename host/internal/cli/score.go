package cli

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/pathline/pathline/pipeline"
)

func (a *app) scoreCommand() *cobra.Command {
	var perf performFlags
	var seed uint64
	var probes, draws int
	var bits bool
	var solver, out, plugins string
	trace := choice{value: "exact", allowed: []string{"exact", "hutchinson", "hutchpp"}}
	cmd := a.command(&cobra.Command{
		Use:   "score FLOW DATA --out FILE [--trace exact|hutchinson|hutchpp] [--probes K] [--bits-per-dim] [--draws K] [--solver dopri5] [--with-plugins FILE]",
		Short: "Score rows of a file with a trained flow",
		Long: `Compute the log-likelihood (natural logarithm) of every row of a Parquet or Arrow
file under a trained flow, without a pipeline file. The flow's columns are read
from DATA and kept bit for bit; log_prob is added, and log_prob_se when the trace
is estimated.`,
		Example: "  host score runs/power/train.safetensors new.parquet --out scored.parquet",
		Args:    takes("FLOW", "DATA"),
	}, func(cmd *cobra.Command, args []string) (result, error) {
		if err := perf.check(a, cmd); err != nil {
			return result{}, err
		}
		if err := output(cmd, out); err != nil {
			return result{}, err
		}
		name, with, err := use("--solver", solver)
		if err != nil {
			return result{}, err
		}
		loader, ok := map[string]string{".parquet": "parquet", ".arrow": "arrow", ".arrows": "arrow", ".feather": "arrow", ".ipc": "arrow"}[filepath.Ext(args[1])]
		if !ok {
			return result{}, usage(cmd, "%s: DATA is a .parquet or an .arrow file", args[1])
		}
		d, err := describeFlow(args[0])
		if err != nil {
			return result{}, err
		}
		var columns []string
		for _, c := range d.Columns {
			columns = append(columns, c.Name)
		}
		file, err := filepath.Abs(args[0])
		if err != nil {
			return result{}, pipeline.FileError(err)
		}
		data, err := filepath.Abs(args[1])
		if err != nil {
			return result{}, pipeline.FileError(err)
		}
		load := map[string]any{"path": data, "columns": columns}
		if len(d.Conditions) > 0 {
			var conditions []any
			for _, c := range d.Conditions {
				conditions = append(conditions, map[string]any{"use": c.Name, "as": c.Kind})
			}
			load["conditions"] = conditions
		}
		score := map[string]any{"trace": trace.value}
		if cmd.Flags().Changed("probes") {
			score["probes"] = probes
		}
		if cmd.Flags().Changed("draws") {
			score["draws"] = draws
		}
		if bits {
			score["bits_per_dim"] = true
		}
		from := map[string]any{"flow": pipeline.FlowFile{File: file}, "data": "data"}
		stages, err := solving(cmd, d, from, pipeline.StageSpec{Name: "solver", Kind: "solver", Use: name, With: with})
		if err != nil {
			return result{}, err
		}
		return a.single(cmd.Context(), pipeline.Spec{
			Name: "score", Seed: seed, Dir: ".",
			Stages: append(stages,
				pipeline.StageSpec{Name: "data", Kind: "loader", Use: loader, With: load},
				pipeline.StageSpec{Name: "scores", Kind: "likelihood", Use: "ode", From: from, With: score}),
		}, out, plugins, perf)
	})
	cmd.Flags().Var(&trace, "trace", "the trace of the field's derivative: exact, or estimated with probes")
	cmd.Flags().IntVar(&probes, "probes", 8, "number `K` of probes of the estimate")
	cmd.Flags().IntVar(&draws, "draws", 1, "number `K` of draws of the noise of dequantize that the density is averaged over")
	cmd.Flags().BoolVar(&bits, "bits-per-dim", false, "also give bits per dimension")
	cmd.Flags().Uint64Var(&seed, "seed", 0, "seed `S`: the probes are a function of it")
	cmd.Flags().StringVar(&solver, "solver", "dopri5", "the solver `NAME`, with keys after commas: dopri5,rtol=1e-7,atol=1e-7")
	cmd.Flags().StringVarP(&out, "out", "o", "", "`FILE` to write: .parquet, .arrow or .csv")
	trace.complete(cmd, "trace")
	cmd.ValidArgsFunction = files("safetensors", "parquet", "arrow")
	withPlugins(cmd, &plugins)
	perf.add(cmd)
	return cmd
}
