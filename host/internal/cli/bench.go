package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/pathline/pathline/host/internal/bench"
	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// benchFlags are the flags of host bench.
type benchFlags struct {
	threads, repeats, rows int
	seconds, tolerance     float64
	data, python, examples string
	list                   bool
}

func (a *app) benchCommand() *cobra.Command {
	var f benchFlags
	cmd := a.command(&cobra.Command{
		Use:   "bench [WORKLOAD]... [--threads N] [--repeats R] [--seconds S] [--data DIR]",
		Short: "Time the standard workloads on this computer",
		Long: `Time training steps, sampling, log-densities and products of matrices of fixed
sizes; --list names them. Each figure is the median of the repeats, with the
least and the greatest, the share of the peak of fused multiply-adds measured in
the same run, and, where there is a reference in float64, the distance from it.

Without names, all workloads are run but those that take long (--list marks
them). The folder benchmarks of the repository compares with other programs.`,
		Example: "  host bench\n  host bench w1 w5-small --threads 1 --json\n  host bench w7-wide-exact --rows 200 --repeats 1",
		Args:    cobra.ArbitraryArgs,
	}, func(cmd *cobra.Command, args []string) (result, error) {
		if f.list {
			return listed(bench.Workloads()), nil
		}
		if err := f.check(cmd); err != nil {
			return result{}, err
		}
		list, err := chosen(cmd, args, f.data)
		if err != nil {
			return result{}, err
		}
		self, err := os.Executable()
		if err != nil {
			return result{}, schemas.Errorf(schemas.Environment, "this program cannot find itself: %w", err)
		}
		report, err := bench.Run(cmd.Context(), list, bench.Settings{
			Threads: f.threads, Repeats: f.repeats, Least: time.Duration(f.seconds * float64(time.Second)),
			Data: f.data, Plugin: []string{self, "plugin", "serve", "--bench"}, Python: f.python, Examples: f.examples, Rows: f.rows, Tolerance: f.tolerance,
		}, func(w bench.Workload) {
			if a.terminal(a.Stderr) {
				a.note(w.Name + ": " + w.Title)
			}
		})
		if err != nil {
			return result{}, err
		}
		return result{report, func(w io.Writer) { writeBench(w, report) }}, nil
	})
	cmd.Flags().IntVar(&f.threads, "threads", runtime.GOMAXPROCS(0), "use `N` threads")
	cmd.Flags().IntVar(&f.repeats, "repeats", 5, "time every workload `R` times")
	cmd.Flags().Float64Var(&f.seconds, "seconds", 1, "least seconds `S` of a repeat")
	cmd.Flags().StringVar(&f.data, "data", filepath.Join("benchmarks", "data"), "folder `DIR` of weights, rows and references")
	cmd.Flags().StringVar(&f.python, "python", "python3", "interpreter `PYTHON` with the package pathline, for plugins-python")
	cmd.Flags().StringVar(&f.examples, "examples", filepath.Join("plugins", "examples", "python"), "folder `DIR` of example plugins, for plugins-python")
	cmd.Flags().IntVar(&f.rows, "rows", 0, "take the first `N` rows in w5, w6, w7 and grow (default all)")
	cmd.Flags().Float64Var(&f.tolerance, "tolerance", 1e-5, "relative and absolute tolerance `T` of w6 and w7")
	cmd.Flags().BoolVar(&f.list, "list", false, "list the workloads and run none")
	var names []string
	for _, w := range bench.Workloads() {
		names = append(names, w.Name)
	}
	cmd.ValidArgsFunction = cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp)
	_ = cmd.MarkFlagDirname("data")
	_ = cmd.MarkFlagDirname("examples")
	return cmd
}

func (f *benchFlags) check(cmd *cobra.Command) error {
	switch {
	case f.threads < 1 || f.threads > 1024:
		return usage(cmd, "--threads must be between 1 and 1024, it is %d", f.threads)
	case f.repeats < 1:
		return usage(cmd, "--repeats must be at least 1, it is %d", f.repeats)
	case !(f.seconds > 0) || f.seconds > 3600:
		return usage(cmd, "--seconds must be above 0 and at most 3600, it is %g", f.seconds)
	case f.rows < 0:
		return usage(cmd, "--rows must not be below 0, it is %d", f.rows)
	case !(f.tolerance > 0) || f.tolerance > 1:
		return usage(cmd, "--tolerance must be above 0 and at most 1, it is %g", f.tolerance)
	}
	return nil
}

// chosen are the workloads named, or those that are quick enough to be run
// without being asked for.
func chosen(cmd *cobra.Command, args []string, data string) (list []bench.Workload, err error) {
	all := bench.Workloads()
	if len(args) == 0 {
		for _, w := range all {
			if !w.Slow {
				list = append(list, w)
			}
		}
		return list, present(list, data)
	}
	for _, name := range args {
		var names []string
		found := false
		for _, w := range all {
			names = append(names, w.Name)
			if w.Name == name {
				list, found = append(list, w), true
			}
		}
		if !found {
			e := schemas.Errorf(schemas.Usage, "there is no workload %q", name)
			if d := pipeline.DidYouMean(name, names); d != "" {
				return nil, e.Suggest(d)
			}
			return nil, e.Suggest(fmt.Sprintf("see `%s --list`", cmd.CommandPath()))
		}
	}
	return list, present(list, data)
}

// present says before anything runs that the files are not there.
func present(list []bench.Workload, data string) error {
	for _, w := range list {
		if !w.Files {
			continue
		}
		if _, err := os.Stat(data); err != nil {
			return pipeline.FileError(err)
		}
	}
	return nil
}

func listed(all []bench.Workload) result {
	return result{all, func(w io.Writer) {
		rows := [][]string{{"workload", "", "needs files", "takes long"}}
		mark := map[bool]string{true: "yes", false: ""}
		for _, b := range all {
			rows = append(rows, []string{b.Name, b.Title, mark[b.Files], mark[b.Slow]})
		}
		table(w, "", rows)
	}}
}

func writeBench(w io.Writer, r *bench.Report) {
	m := r.Machine
	fmt.Fprintf(w, "%s, %d cores, %s; peak %s GFLOP/s\n\n", clean(m.CPU), m.Cores, m.Instructions, figure(m.Peak))
	rows := [][]string{{"workload", "params", "median", "least", "most", "unit", "threads", "GFLOP/s", "of peak", "error", "evals"}}
	positive := func(v float64, text string) string {
		if v == 0 { // nothing to count
			return ""
		}
		return text
	}
	optional := func(v *float64) string {
		if v == nil {
			return ""
		}
		return figure(*v)
	}
	for _, b := range r.Results {
		rows = append(rows, []string{b.Workload, b.Params, figure(b.Value), figure(b.Min), figure(b.Max), b.Unit,
			strconv.Itoa(b.Threads), positive(b.GFLOPS, figure(b.GFLOPS)), positive(b.PeakShare, fmt.Sprintf("%.0f%%", 100*b.PeakShare)), optional(b.RMSError), optional(b.NFE)})
	}
	table(w, "", rows)
}

// figure is a number with as many digits as a time is good for.
func figure(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
