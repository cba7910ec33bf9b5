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
}

func (f *loadFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "override a value of the file: params.steps=20000, stages.train.with.batch=64 (may be given more than once)")
	cmd.ValidArgsFunction = files("yaml", "yml")
}

// load reads and checks a pipeline file. The caller closes the plugins that
// were started for it.
func (a *app) load(ctx context.Context, file string, f loadFlags) (*pipeline.Pipeline, *pluginSet, error) {
	if file == "" {
		return nil, nil, schemas.Errorf(schemas.Usage, "the name of the pipeline file is empty")
	}
	plugins := a.newPlugins(f.isolate)
	p, err := pipeline.Load(ctx, file, a.Registry(), pipeline.LoadOptions{Set: f.set, Env: a.Env, Plugins: plugins.prepare})
	if err != nil {
		plugins.close()
		return nil, nil, err
	}
	return p, plugins, nil
}
