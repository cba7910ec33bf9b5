package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins"
	"github.com/pathline/pathline/schemas"
)

// isolateFlag says which kinds of built-in stages run in processes of their
// own: --isolate is all, --isolate=path,model names some.
type isolateFlag struct {
	kinds choiceList
	bare  bool // keep no bundles of crashes
	yes   bool // accept new digests into pathline.lock
}

func (f *isolateFlag) add(cmd *cobra.Command) {
	cmd.Flags().Var(&f.kinds, "isolate", "run built-in stages, of any kind, in plugin processes: all, or the kinds named, as in --isolate=path,model")
	cmd.Flags().Lookup("isolate").NoOptDefVal = "all"
}

// check finds kinds that cannot be isolated.
func (f *isolateFlag) check() error {
	can := plugins.Isolatable()
	for _, k := range f.kinds.list {
		if k != "all" && !slices.Contains(can, k) {
			e := schemas.Errorf(schemas.Usage, "--isolate: stages of kind %q cannot be isolated", k)
			if d := pipeline.DidYouMean(k, can); d != "" {
				return e.Suggest(d)
			}
			return e.Suggest("these can: " + strings.Join(can, ", "))
		}
	}
	return nil
}

// pluginSet holds what is started for one command.
type pluginSet struct {
	isolate isolateFlag
	host    *plugins.Host
	pins    pins
	// registry is that of the pipeline, with what plugins added.
	registry *pipeline.Registry
}

func newPlugins(isolate isolateFlag, log zerolog.Logger) *pluginSet {
	s := &pluginSet{isolate: isolate, host: plugins.NewHost(log), pins: pins{yes: isolate.yes}}
	s.host.NoBundles = isolate.bare
	return s
}

// prepare is pipeline.LoadOptions.Plugins: it adds what the plugins of a file
// implement to the registry, and replaces the implementations that are to be
// isolated.
func (s *pluginSet) prepare(ctx context.Context, dir string, declared map[string]pipeline.PluginSpec, r *pipeline.Registry) error {
	s.registry = r
	if len(declared) > 0 {
		if err := s.pins.begin(dir); err != nil {
			return err
		}
	}
	var errs []error
	for _, name := range sortedKeys(declared) {
		err := s.pins.before(name, declared[name])
		if err == nil {
			err = s.host.Add(ctx, r, name, declaredPlugin(dir, declared[name]))
		}
		if err == nil {
			err = s.pins.after(name, s.host.Records()[name])
		}
		if err != nil {
			errs = append(errs, named(err, name))
		}
	}
	if kinds := s.isolate.kinds.list; len(kinds) > 0 {
		if slices.Contains(kinds, "all") {
			kinds = nil
		}
		if err := s.host.Isolate(r, kinds); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// close ends every plugin process and waits for it.
func (s *pluginSet) close() { _ = s.host.Close() }

// declaredPlugin is a plugin as a pipeline file declares it: it runs in the
// folder of the file.
func declaredPlugin(dir string, p pipeline.PluginSpec) plugins.Plugin {
	return plugins.Plugin{Command: p.Command, Address: p.Address, Env: p.Env, Dir: dir,
		StartTimeout: time.Duration(p.StartTimeout), CallTimeout: time.Duration(p.CallTimeout), StallTimeout: time.Duration(p.StallTimeout),
		Inline: p.SharedMemory != nil && !*p.SharedMemory, NoBundle: p.CrashBundle != nil && !*p.CrashBundle}
}

// named gives the errors of a plugin the place where it is declared.
func named(err error, path string) error {
	var out []error
	for _, e := range schemas.Errors(err, schemas.PluginStart) {
		c := *e
		if c.Path == "" {
			c.Path = path
		}
		out = append(out, &c)
	}
	return errors.Join(out...)
}
