package cli

import (
	"context"
	"fmt"
	"io"
	"sort"

	"github.com/spf13/cobra"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// isolateFlag says which kinds of built-in stages run in processes of their
// own: --isolate is all, --isolate=path,model names some.
type isolateFlag struct {
	kinds choiceList
	yes   bool // accept new digests into pathline.lock
}

func (f *isolateFlag) add(cmd *cobra.Command) {
	cmd.Flags().Var(&f.kinds, "isolate", "run built-in stages in plugin processes: all, or the kinds named, as in --isolate=path,model")
	cmd.Flags().Lookup("isolate").NoOptDefVal = "all"
}

// pluginSet holds what was started for one command.
type pluginSet struct {
	a       *app
	isolate isolateFlag
	stop    []func()

	// registry is that of the pipeline, with what plugins added.
	registry *pipeline.Registry
}

func (a *app) newPlugins(isolate isolateFlag) *pluginSet { return &pluginSet{a: a, isolate: isolate} }

// prepare is pipeline.LoadOptions.Plugins: it adds what the plugins of a file
// implement to the registry, and replaces the implementations that are to be
// isolated.
func (s *pluginSet) prepare(ctx context.Context, dir string, declared map[string]pipeline.PluginSpec, r *pipeline.Registry) error {
	s.registry = r
	if err := s.isolate.check(r); err != nil {
		return err
	}
	for _, name := range sortedKeys(declared) {
		return schemas.Errorf(schemas.PluginStart, "this host starts no plugins").At(name)
	}
	if len(s.isolate.kinds.list) > 0 {
		return schemas.Errorf(schemas.PluginStart, "this host starts no plugins; --isolate needs them")
	}
	return nil
}

// close ends every plugin process and waits for it.
func (s *pluginSet) close() {
	for i := len(s.stop) - 1; i >= 0; i-- {
		s.stop[i]()
	}
	s.stop = nil
}

// check finds kinds that do not exist.
func (f *isolateFlag) check(r *pipeline.Registry) error {
	for _, k := range f.kinds.list {
		if _, ok := r.Kind(k); !ok && k != "all" {
			e := schemas.Errorf(schemas.UnknownKind, "--isolate: there is no kind %q", k)
			if d := pipeline.DidYouMean(k, kindNames(r)); d != "" {
				return e.Suggest(d)
			}
			return e.Suggest("the form is --isolate=KIND,KIND")
		}
	}
	return nil
}

// registry is the built-in registry, with the plugins of a pipeline file when
// one is named.
func (a *app) registry(ctx context.Context, file string) (*pipeline.Registry, func(), error) {
	if file == "" {
		return a.Registry(), func() {}, nil
	}
	_, plugins, err := a.load(ctx, file, loadFlags{})
	if err != nil {
		return nil, func() {}, err
	}
	return plugins.registry, plugins.close, nil
}

// pluginView is what a plugin says of itself.
type pluginView struct {
	Name            string     `json:"name"` // in the pipeline file
	Plugin          string     `json:"plugin,omitempty"`
	Version         string     `json:"version,omitempty"`
	Command         []string   `json:"command,omitempty"`
	Address         string     `json:"address,omitempty"`
	Capabilities    []string   `json:"capabilities,omitempty"`
	Implementations []implView `json:"implementations"`
}

// describePlugins starts the plugins of a file and asks what they are.
func (a *app) describePlugins(ctx context.Context, file string) ([]pluginView, error) {
	var views []pluginView
	plugins := a.newPlugins(isolateFlag{})
	defer plugins.close()
	_, err := pipeline.Load(ctx, file, a.Registry(), pipeline.LoadOptions{Env: a.Env,
		Plugins: func(ctx context.Context, dir string, declared map[string]pipeline.PluginSpec, r *pipeline.Registry) error {
			if err := plugins.prepare(ctx, dir, declared, r); err != nil {
				return err
			}
			for _, name := range sortedKeys(declared) {
				v := pluginView{Name: name, Command: declared[name].Command, Address: declared[name].Address, Implementations: []implView{}}
				for _, k := range r.Kinds() {
					for _, i := range r.Implementations(k.Name) {
						if owner, _, ok := cutName(i.Name); ok && owner == name {
							view := implView{Kind: i.Kind, Name: i.Name, Doc: i.Doc, Schema: i.Config.JSON()}
							keys(i.Config, "", &view.Keys)
							v.Implementations = append(v.Implementations, view)
						}
					}
				}
				views = append(views, v)
			}
			return nil
		}})
	sort.Slice(views, func(i, j int) bool { return views[i].Name < views[j].Name })
	return views, err
}

func cutName(name string) (owner, rest string, ok bool) {
	for i := range len(name) {
		if name[i] == '/' {
			return name[:i], name[i+1:], true
		}
	}
	return "", name, false
}

func (a *app) pluginCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plugin COMMAND",
		Short: "List, inspect and serve plugins",
		Long:  "Plugins are programs in any language that implement stages; a pipeline file names them under `plugins:`.",
		Args:  group,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.pluginList(), a.pluginInspect(), a.pluginServe())
	return cmd
}

func (a *app) pluginList() *cobra.Command {
	cmd := a.command(&cobra.Command{
		Use:     "list FILE",
		Short:   "List the plugins of a pipeline file and what they implement",
		Long:    "Start the plugins that a pipeline file declares, ask them what they implement, and end them.",
		Example: "  host plugin list pipeline.yaml",
		Args:    takes("FILE"),
	}, func(cmd *cobra.Command, args []string) (result, error) {
		views, err := a.describePlugins(cmd.Context(), args[0])
		if err != nil {
			return result{}, err
		}
		if views == nil {
			views = []pluginView{}
		}
		return result{views, func(w io.Writer) {
			if len(views) == 0 {
				fmt.Fprintf(w, "%s declares no plugins\n", clean(args[0]))
				return
			}
			rows := [][]string{{"PLUGIN", "IMPLEMENTS", ""}}
			for _, v := range views {
				for n, i := range v.Implementations {
					name := ""
					if n == 0 {
						name = clean(v.Name)
					}
					rows = append(rows, []string{name, clean(i.Kind + " " + i.Name), clean(i.Doc)})
				}
			}
			table(w, "", rows)
		}}, nil
	})
	cmd.ValidArgsFunction = files("yaml", "yml")
	return cmd
}

func (a *app) pluginInspect() *cobra.Command {
	cmd := a.command(&cobra.Command{
		Use:     "inspect FILE NAME",
		Short:   "Show one plugin: what it implements, with every key",
		Long:    "Start one plugin of a pipeline file, ask it to describe itself, and end it.",
		Example: "  host plugin inspect pipeline.yaml sine",
		Args:    takes("FILE", "NAME"),
	}, func(cmd *cobra.Command, args []string) (result, error) {
		views, err := a.describePlugins(cmd.Context(), args[0])
		if err != nil {
			return result{}, err
		}
		var names []string
		for _, v := range views {
			if v.Name == args[1] {
				return result{v, func(w io.Writer) { writePlugin(w, v) }}, nil
			}
			names = append(names, v.Name)
		}
		e := schemas.Errorf(schemas.UnknownUse, "%s declares no plugin %q", args[0], args[1])
		return result{}, e.Suggest(pipeline.DidYouMean(args[1], names))
	})
	cmd.ValidArgsFunction = files("yaml", "yml")
	return cmd
}

func writePlugin(w io.Writer, v pluginView) {
	rows := [][]string{{"plugin", clean(v.Name)}}
	if v.Address != "" {
		rows = append(rows, []string{"address", clean(v.Address)})
	} else {
		rows = append(rows, []string{"command", clean(fmt.Sprint(v.Command))})
	}
	table(w, "", rows)
	for _, i := range v.Implementations {
		fmt.Fprintf(w, "\n%s %s: %s\n", clean(i.Kind), clean(i.Name), clean(i.Doc))
		var rows [][]string
		for _, k := range i.Keys {
			def := ""
			if k.Default != nil {
				def = short(k.Default)
			}
			rows = append(rows, []string{clean(k.Key), k.Type, clean(def), clean(k.Doc)})
		}
		table(w, "  ", rows)
	}
}

func (a *app) pluginServe() *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "serve",
		Short: "Serve the built-in stages as a plugin",
		Long: `Be a plugin that implements the built-in stages: what --isolate starts. It talks
to the process that started it and ends with it; started by hand it says so.`,
		Args: takes(),
	}, func(cmd *cobra.Command, _ []string) (result, error) {
		return result{}, serve(cmd.Context(), a.Registry())
	})
}

func serve(context.Context, *pipeline.Registry) error {
	return schemas.Errorf(schemas.PluginStart, "this host serves no plugins")
}
