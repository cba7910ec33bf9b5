package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/pathline/pathline/host/internal/ui"
	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/flow"
)

// fileResult is what sample and score say of the file that they made.
type fileResult struct {
	Out     string             `json:"out"`
	Rows    int64              `json:"rows"`
	Seconds float64            `json:"seconds"`
	Summary map[string]any     `json:"summary,omitempty"`
	Metrics map[string]float64 `json:"metrics,omitempty"`
}

// single runs a pipeline that was built in code for one file, which the last
// stage writes, and moves that file to out once it is complete. with is a
// pipeline file whose plugins are used, or "".
func (a *app) single(ctx context.Context, s pipeline.Spec, out, with string, perf performFlags) (result, error) {
	registry, closePlugins, err := a.pluginsOf(ctx, with)
	if err != nil {
		return result{}, err
	}
	defer closePlugins()
	dir := filepath.Dir(out)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return result{}, pipeline.FileError(err)
	}
	// The folder lies beside the file, so that moving it is one rename.
	work, err := os.MkdirTemp(dir, ".host-")
	if err != nil {
		return result{}, pipeline.FileError(err)
	}
	defer os.RemoveAll(work)
	last := &s.Stages[len(s.Stages)-1]
	last.To = filepath.Base(out)
	p, err := pipeline.New(ctx, s, registry, pipeline.LoadOptions{})
	if err != nil {
		return result{}, inArguments(err)
	}
	record, _, err := a.perform(ctx, p, pipeline.RunOptions{PlanOptions: pipeline.PlanOptions{Out: work}}, perf)
	if err != nil {
		return result{}, inArguments(err)
	}
	if err := os.Rename(filepath.Join(work, last.To), out); err != nil {
		return result{}, pipeline.FileError(err)
	}
	stage := record.Stages[last.Name]
	r := result{value: fileResult{out, stage.Rows, record.Seconds, stage.Summary, stage.Metrics}}
	if !perf.quiet && perf.events.value == "" {
		r.text = func(w io.Writer) {
			fmt.Fprintf(w, "%s rows in %s, written to %s\n", ui.Count(stage.Rows), ui.Seconds(record.Seconds), clean(out))
		}
	}
	return r, nil
}

// inArguments takes the places of a file that does not exist out of errors:
// who called sample or score wrote arguments.
func inArguments(err error) error {
	list := schemas.Errors(err, schemas.StageFailed)
	out := make([]error, len(list))
	for i, e := range list {
		c := *e
		c.File, c.Line, c.Column, c.Source = "", 0, 0, ""
		c.Path = argument(strings.TrimPrefix(c.Path, "stages."))
		if c.Reason == schemas.UnknownUse && strings.Contains(c.Suggestion, "`plugins:`") {
			c.Suggestion = "--with-plugins FILE names a pipeline file that declares the plugin"
		}
		if c.Reason == schemas.FileNotFound && c.Suggestion == "" {
			c.Suggestion = "look at the name, which is relative to the current folder"
		}
		out[i] = &c
	}
	return errors.Join(out...)
}

// argument is the flag behind a place in the stages that a command makes, "" where
// there is none. Keys of a sampler and of a likelihood are flags of their names.
func argument(path string) string {
	stage, rest, _ := strings.Cut(path, ".")
	section, key, _ := strings.Cut(rest, ".")
	switch {
	case stage == "solver" && section == "with":
		return "--solver " + key
	case stage == "solver":
		return "--solver"
	case (stage == "samples" || stage == "scores") && section == "with" && key != "":
		return "--" + strings.ReplaceAll(key, "_", "-")
	}
	return ""
}

// output checks the name of a file that a command is to write.
func output(cmd *cobra.Command, name string) error {
	if name == "" {
		return usage(cmd, "%s needs --out FILE", cmd.CommandPath())
	}
	switch filepath.Ext(name) {
	case ".parquet", ".arrow", ".csv":
		return nil
	}
	return usage(cmd, "--out %s: the ending picks the format, it is .parquet, .arrow or .csv", name)
}

// use parses NAME or NAME,key=value,...: an implementation with some of its
// keys.
func use(flag, text string) (name string, with map[string]any, err error) {
	parts := strings.Split(text, ",")
	if len(parts) == 1 {
		return parts[0], nil, nil
	}
	with, err = keyValues(flag, parts[1:])
	return parts[0], with, err
}

// keyValues parses a.b=v pairs into nested maps; values are typed as in a
// pipeline file.
func keyValues(flag string, pairs []string) (map[string]any, error) {
	out := map[string]any{}
	for _, p := range pairs {
		key, v, err := keyValue(flag, p)
		if err != nil {
			return nil, err
		}
		at := out
		keys := strings.Split(key, ".")
		for _, k := range keys[:len(keys)-1] {
			next, ok := at[k].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[k] = next
			}
			at = next
		}
		at[keys[len(keys)-1]] = v
	}
	return out, nil
}

// values parses NAME=VALUE pairs; a name may have dots in it.
func values(flag string, pairs []string) (map[string]any, error) {
	out := map[string]any{}
	for _, p := range pairs {
		key, v, err := keyValue(flag, p)
		if err != nil {
			return nil, err
		}
		out[key] = v
	}
	return out, nil
}

func keyValue(flag, pair string) (key string, v any, err error) {
	key, text, ok := strings.Cut(pair, "=")
	if !ok || key == "" {
		return "", nil, schemas.Errorf(schemas.Usage, "%s: %q is not key=value", flag, pair)
	}
	if len(text) > 1<<16 || yaml.Unmarshal([]byte(text), &v) != nil {
		return "", nil, schemas.Errorf(schemas.Usage, "%s: the value of %s is not readable", flag, key)
	}
	return key, v, nil
}

// withPlugins adds the flag that names a pipeline file for its plugins.
func withPlugins(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "with-plugins", "", "a pipeline `FILE` whose plugins the flow, or the solver, needs")
	_ = cmd.RegisterFlagCompletionFunc("with-plugins", files("yaml", "yml"))
}

// describeFlow reads the description of a flow file.
func describeFlow(file string) (flow.Description, error) {
	d, err := flow.Describe(flow.Source{File: file})
	if err == nil {
		return d, nil
	}
	e := *schemas.Errors(err, schemas.FileAccess)[0]
	if e.Suggestion == "" {
		e.Suggestion = "name a file that a trainer wrote, as runs/NAME/train.safetensors"
	}
	return d, &e
}

// solving joins a solver to the stage that works with a flow. A discrete flow
// needs none, and one that the command line names is an error.
func solving(cmd *cobra.Command, d flow.Description, from map[string]any, solver pipeline.StageSpec) ([]pipeline.StageSpec, error) {
	switch {
	case !d.Discrete():
		from["solver"] = solver.Name
		return []pipeline.StageSpec{solver}, nil
	case cmd.Flags().Changed("solver"):
		return nil, schemas.Errorf(schemas.Conflict, "the flow is discrete (model %s): nothing is solved, and --solver has nothing to say", d.Model.Use).Suggest("leave --solver out")
	}
	return nil, nil
}
