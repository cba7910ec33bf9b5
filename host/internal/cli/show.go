package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// showFlags belong to `host show`.
type showFlags struct {
	with        []string
	at          string
	withPlugins string
}

func (a *app) showCommand() *cobra.Command {
	var f showFlags
	cmd := a.command(&cobra.Command{
		Use:   "show [KIND | KIND/NAME | path/NAME --at T,... | FLOW.safetensors | RUN]",
		Short: "Show a kind of stage, an implementation, a path, a flow file or a run",
		Long: `Without an argument, list the kinds of stages and their implementations. With
KIND, the inputs and implementations of one; with KIND/NAME its keys, types,
defaults and an example. path/NAME with --at prints the path's coefficients at
times from 0 (noise) to 1 (data). A flow file is checked and described; a run's
output folder is shown as a table.`,
		Example: `  host show model
  host show trainer/cfm
  host show path/vp --with beta_max=10 --at 0.1,0.25,0.5
  host show runs/power/train.safetensors
  host show runs/power`,
		Args: takes("[WHAT]"),
	}, func(cmd *cobra.Command, args []string) (result, error) {
		what := ""
		if len(args) > 0 {
			what = args[0]
		}
		return a.show(cmd.Context(), cmd, what, f)
	})
	cmd.Flags().StringArrayVar(&f.with, "with", nil, "a key `K=V` of the path's configuration, as in beta_max=10 (may be given more than once)")
	cmd.Flags().StringVar(&f.at, "at", "", "times `T,...` at which the path's coefficients are printed, as in 0,0.5,1")
	cmd.Flags().StringVar(&f.withPlugins, "with-plugins", "", "a pipeline `FILE` whose plugins are shown too")
	_ = cmd.RegisterFlagCompletionFunc("with-plugins", files("yaml", "yml"))
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return showable(a.Registry()), cobra.ShellCompDirectiveDefault
	}
	return cmd
}

// show decides what is meant: kinds come first, then files and folders.
func (a *app) show(ctx context.Context, cmd *cobra.Command, what string, f showFlags) (result, error) {
	r, closePlugins, err := a.registry(ctx, f.withPlugins)
	if err != nil {
		return result{}, err
	}
	defer closePlugins()
	kind, name, slash := strings.Cut(what, "/")
	k, known := r.Kind(kind)
	if known && slash {
		i, ok := r.Find(kind, name)
		if !ok {
			if _, err := os.Stat(what); err != nil {
				return result{}, unknownUse(r, k, name)
			}
		} else if kind == "path" && f.at != "" {
			return showCoefficients(ctx, cmd, r, i, f)
		} else if f.at != "" {
			return result{}, usage(cmd, "--at is for paths, %s is a %s", what, kind)
		} else {
			return showImplementation(cmd, i, f)
		}
	}
	if f.at != "" || len(f.with) > 0 {
		return result{}, usage(cmd, "--at and --with are for path/NAME")
	}
	switch {
	case what == "":
		return showKinds(r), nil
	case known && !slash:
		return showKind(r, k), nil
	}
	if st, err := os.Stat(what); err == nil {
		switch {
		case st.IsDir():
			return showRun(what)
		case filepath.Base(what) == "run.json":
			return showRun(filepath.Dir(what))
		}
		return showFlow(what)
	}
	if filepath.Ext(what) == "" && !strings.HasPrefix(what, ".") && !filepath.IsAbs(what) {
		e := schemas.Errorf(schemas.UnknownKind, "there is no kind, file or folder %q", what)
		if d := pipeline.DidYouMean(what, showable(r)); d != "" {
			return result{}, e.Suggest(d)
		}
		if slash {
			return result{}, schemas.Errorf(schemas.FileNotFound, "there is no file or folder %q", what)
		}
		return result{}, e.Suggest("the kinds are " + strings.Join(kindNames(r), ", "))
	}
	return result{}, schemas.Errorf(schemas.FileNotFound, "there is no file or folder %q", what)
}

func kindNames(r *pipeline.Registry) []string {
	var names []string
	for _, k := range r.Kinds() {
		names = append(names, k.Name)
	}
	return names
}

// showable lists every kind and every KIND/NAME.
func showable(r *pipeline.Registry) []string {
	var names []string
	for _, k := range r.Kinds() {
		names = append(names, k.Name)
		for _, i := range r.Implementations(k.Name) {
			names = append(names, k.Name+"/"+i.Name)
		}
	}
	return names
}

func unknownUse(r *pipeline.Registry, k *pipeline.Kind, name string) error {
	var names []string
	for _, i := range r.Implementations(k.Name) {
		names = append(names, i.Name)
	}
	e := schemas.Errorf(schemas.UnknownUse, "there is no %s %q", k.Name, name)
	if d := pipeline.DidYouMean(name, names); d != "" {
		return e.Suggest(d)
	}
	return e.Suggest(k.Name + " has " + strings.Join(names, ", "))
}
