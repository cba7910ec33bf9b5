package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// loadFlags are the flags of every command that reads a pipeline file.
type loadFlags struct {
	set     []string
	isolate isolateFlag
	logs    *performFlags // how plugins are logged; nil is the default
}

func (f *loadFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "override a value `A.B=V` of the file: params.steps=20000, stages.train.with.batch=64 (may be given more than once)")
	cmd.ValidArgsFunction = files("yaml", "yml")
}

// load reads and checks a pipeline file. The caller closes the plugins that
// were started for it.
func (a *app) load(ctx context.Context, file string, f loadFlags) (*pipeline.Pipeline, *pluginSet, error) {
	if file == "" {
		return nil, nil, schemas.Errorf(schemas.Usage, "the name of the pipeline file is empty")
	}
	if err := f.isolate.check(); err != nil {
		return nil, nil, err
	}
	plugins := newPlugins(f.isolate, a.logger(f.logs))
	p, err := pipeline.Load(ctx, file, a.Registry(), pipeline.LoadOptions{Set: f.set, Env: a.Env, Plugins: plugins.prepare})
	if err != nil {
		plugins.close()
		return nil, nil, err
	}
	if err := plugins.accept(a); err != nil {
		plugins.close()
		return nil, nil, err
	}
	return p, plugins, nil
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

// pluginsOf is the built-in registry, with the plugins of a pipeline file when
// one is named. What else is wrong with the file, as data that are not there, is
// of no interest.
func (a *app) pluginsOf(ctx context.Context, file string) (*pipeline.Registry, func(), error) {
	if file == "" {
		return a.Registry(), func() {}, nil
	}
	plugins := newPlugins(isolateFlag{}, a.logger(nil))
	_, err := pipeline.Load(ctx, file, a.Registry(), pipeline.LoadOptions{Env: a.Env, Plugins: plugins.prepare})
	if plugins.registry != nil { // it was read so far
		err = aboutPlugins(err)
	}
	if err != nil {
		plugins.close()
		return nil, func() {}, err
	}
	return plugins.registry, plugins.close, nil
}
