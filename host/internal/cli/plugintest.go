package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins/conform"
	"github.com/pathline/pathline/plugins/manifest"
	"github.com/pathline/pathline/schemas"
)

type pluginTestFlags struct {
	kinds choiceList
	chaos bool
	junit string
	list  bool
	all   bool
}

func (a *app) pluginTest() *cobra.Command {
	var f pluginTestFlags
	cmd := a.command(&cobra.Command{
		Use:   "test DIR | ADDRESS | -- COMMAND ARG...",
		Short: "Test whether a plugin conforms: the protocol, and the laws of its kinds",
		Long: `Run the conformance kit against a plugin: one in a folder with a plugin.yaml,
one that runs already at an address (unix:///path or host:port), or a command.
Implementations are tested with the example that they give, or with what
plugin.yaml says under test:. A folder whose plugin.yaml has build: is built
first.

Every case has a name and the sentence of the contract that it checks; see
docs/plugins-conformance.md, or --list. With --chaos the host also breaks the
protocol and kills processes.

Exit codes: 0 it conforms, 4 it does not, 2 the arguments are wrong.`,
		Example: "  host plugin test ./my-plugin\n  host plugin test --kind path -- python3 sine_path.py\n  host plugin test --chaos --junit report.xml ./my-plugin",
		Args: func(cmd *cobra.Command, args []string) error {
			if f.list {
				return takes()(cmd, args)
			}
			return pluginArgs(cmd, args)
		},
	}, func(cmd *cobra.Command, args []string) (result, error) {
		if f.list {
			cases := conform.Cases()
			return result{caseViews(cases), func(w io.Writer) { writeCases(w, cases) }}, nil
		}
		return a.testPlugin(cmd, args, f)
	})
	cmd.Flags().Var(&f.kinds, "kind", "test implementations of these kinds only, as in --kind=path,solver")
	cmd.Flags().BoolVar(&f.chaos, "chaos", false, "also break the protocol and kill processes")
	cmd.Flags().StringVar(&f.junit, "junit", "", "write the outcome to a file of JUnit XML")
	cmd.Flags().BoolVar(&f.list, "list", false, "list the cases and what they check")
	cmd.Flags().BoolVar(&f.all, "verbose", false, "print a line for every case, and what the plugin writes")
	return cmd
}

// pluginArgs is DIR, ADDRESS, or a command after --.
func pluginArgs(cmd *cobra.Command, args []string) error {
	switch dash := cmd.ArgsLenAtDash(); {
	case dash > 0:
		return usage(cmd, "%s takes a command after --, and nothing before", cmd.CommandPath())
	case dash == 0 && len(args) == 0:
		return usage(cmd, "%s needs a command after --", cmd.CommandPath())
	case dash == 0:
		return nil
	case len(args) == 0:
		return usage(cmd, "%s needs DIR, an ADDRESS, or a command after --", cmd.CommandPath())
	case len(args) > 1:
		return usage(cmd, "%s takes one DIR or ADDRESS; %q is one too many", cmd.CommandPath(), args[1]).
			Suggest("a command stands after --, as in " + cmd.CommandPath() + " -- " + strings.Join(args, " "))
	}
	return nil
}

// target finds the plugin that the arguments name. A folder's program is built
// first when its manifest says how.
func (a *app) target(cmd *cobra.Command, args []string, log zerolog.Logger) (conform.Target, error) {
	if cmd.ArgsLenAtDash() == 0 {
		return conform.Target{Command: args, Log: log}, nil
	}
	if isAddress(args[0]) {
		return conform.Target{Address: args[0], Log: log}, nil
	}
	m, err := a.manifestOf(args[0])
	if err != nil {
		return conform.Target{}, err
	}
	if len(m.Build) > 0 {
		if err := a.build(cmd.Context(), m); err != nil {
			return conform.Target{}, err
		}
	}
	return conform.Target{Name: m.Name, Command: m.Command, Dir: m.Dir, Env: m.Env, Configs: m.Configs(), Log: log}, nil
}

func (a *app) manifestOf(dir string) (*manifest.Manifest, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, schemas.Errorf(schemas.FileNotFound, "there is no folder %s", dir).
			Suggest("name the folder of a plugin, an address, or a command after --")
	case err != nil:
		return nil, pipeline.FileError(err)
	case !info.IsDir():
		return nil, schemas.Errorf(schemas.Usage, "%s is a file", dir).Suggest("name the folder of a plugin, or start it with: -- " + dir)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, pipeline.FileError(err)
	}
	m, err := manifest.Read(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, schemas.Errorf(schemas.FileNotFound, "%s has no %s, which says how the plugin is started", dir, manifest.Name).
			Suggest("`host plugin new` writes one; or name the command after --")
	}
	if err != nil {
		return nil, err
	}
	m.Dir = abs
	return m, nil
}

// build makes the program of a plugin.
func (a *app) build(ctx context.Context, m *manifest.Manifest) error {
	c := exec.CommandContext(ctx, m.Build[0], m.Build[1:]...)
	c.Dir = m.Dir
	out, err := c.CombinedOutput()
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return schemas.Errorf(schemas.PluginStart, "plugin %q: `%s` in %s failed: %w\n%s", m.Name, strings.Join(m.Build, " "), m.Dir, err, strings.TrimSpace(string(out)))
	}
	return nil
}

func (a *app) testPlugin(cmd *cobra.Command, args []string, f pluginTestFlags) (result, error) {
	var known []string
	for _, k := range a.Registry().Kinds() {
		known = append(known, k.Name)
	}
	for _, k := range f.kinds.list {
		if !contains(known, k) {
			e := schemas.Errorf(schemas.Usage, "--kind: there is no kind %q", k)
			if d := pipeline.DidYouMean(k, known); d != "" {
				return result{}, e.Suggest(d)
			}
			return result{}, e.Suggest("the kinds are " + strings.Join(known, ", "))
		}
	}
	log := zerolog.Nop() // what a plugin writes while it is killed is no news
	if f.all {
		log = a.logger(nil)
	}
	t, err := a.target(cmd, args, log)
	if err != nil {
		return result{}, err
	}
	o := conform.Options{Kinds: f.kinds.list, Chaos: f.chaos}
	if !a.json {
		o.Result = func(r conform.Result) { writeResult(a.Stdout, r, f.all, a.colour(a.Stdout)) }
	}
	report, err := conform.Run(cmd.Context(), t, o)
	if err != nil {
		return result{}, err
	}
	if f.junit != "" {
		if err := pipeline.StreamFile(f.junit, report.WriteJUnit); err != nil {
			return result{}, err
		}
	}
	if r := report.Results; len(r) == 1 && r[0].Status == conform.Fail && report.Plugin == "" {
		return result{}, schemas.Errorf(schemas.PluginStart, "%s", r[0].Message) // nothing could be tested
	}
	view := struct {
		*conform.Report
		Conforms bool `json:"conforms"`
		Passed   int  `json:"passed"`
		Failed   int  `json:"failed"`
		Skipped  int  `json:"skipped"`
	}{report, report.Conforms(), report.Passed(), report.Failed(), report.Skipped()}
	done := result{view, func(w io.Writer) { fmt.Fprintln(w, clean(report.Summary())) }}
	if report.Conforms() {
		return done, nil
	}
	if a.json {
		a.printed = true
		if err := encode(a.Stdout, document{Result: view, Errors: []jsonError{{Reason: schemas.PluginProtocol, Message: report.Summary()}}}); err != nil {
			return result{}, err
		}
	} else {
		a.note(clean(report.Summary()))
	}
	return result{}, alreadyReported{schemas.ExitPlugin}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// writeResult prints a case as it ends: those that pass in one line when all are
// wanted, others with the sentence and what was seen.
func writeResult(w io.Writer, r conform.Result, all, colour bool) {
	paint := func(code, s string) string {
		if !colour {
			return s
		}
		return "\x1b[" + code + "m" + s + "\x1b[0m"
	}
	name := r.ID
	if r.Implementation != "" {
		name += "  " + r.Implementation
	}
	switch r.Status {
	case conform.Pass:
		if all {
			fmt.Fprintf(w, "%s  %s\n", paint("32", "pass"), clean(name))
		}
	case conform.Skip:
		if all {
			fmt.Fprintf(w, "%s  %s: %s\n", paint("33", "skip"), clean(name), message(r.Message))
		}
	case conform.Fail:
		fmt.Fprintf(w, "%s  %s\n      %s\n", paint("1;31", "FAIL"), clean(name), r.Sentence)
		for _, line := range strings.Split(message(r.Message), "\n") {
			fmt.Fprintf(w, "      %s\n", strings.TrimSpace(line))
		}
	}
}

type caseView struct {
	ID       string `json:"id"`
	Kind     string `json:"kind,omitempty"`
	Chaos    bool   `json:"chaos,omitempty"`
	Sentence string `json:"sentence"`
}

func caseViews(cases []conform.Case) []caseView {
	var out []caseView
	for _, c := range cases {
		out = append(out, caseView{c.ID, c.Kind, c.Chaos, c.Sentence})
	}
	return out
}

func writeCases(w io.Writer, cases []conform.Case) {
	var rows [][]string
	for _, c := range cases {
		rows = append(rows, []string{c.ID, c.Sentence})
	}
	table(w, "", rows)
}
