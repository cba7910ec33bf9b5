package cli

import (
	"encoding/json"
	"io"

	"github.com/spf13/cobra"

	"github.com/pathline/pathline/pipeline"
)

func (a *app) schemaCommand() *cobra.Command {
	var with string
	cmd := a.command(&cobra.Command{
		Use:   "schema [--with-plugins FILE]",
		Short: "Print the JSON Schema of the pipeline file",
		Long: `Print the JSON Schema (2020-12) of the pipeline file, with the configuration of
every built-in stage in it, for editors and other checkers. --with-plugins adds
the configurations that the plugins of a pipeline file describe.`,
		Example: "  host schema > pipeline.schema.json",
		Args:    takes(),
	}, func(cmd *cobra.Command, _ []string) (result, error) {
		r, closePlugins, err := a.registry(cmd.Context(), with)
		if err != nil {
			return result{}, err
		}
		defer closePlugins()
		s := pipeline.FileSchema(r)
		return result{json.RawMessage(s), func(w io.Writer) { _, _ = w.Write(s) }}, nil
	})
	cmd.Flags().StringVar(&with, "with-plugins", "", "a pipeline `FILE` whose plugins are asked for their configurations")
	_ = cmd.RegisterFlagCompletionFunc("with-plugins", files("yaml", "yml"))
	return cmd
}
