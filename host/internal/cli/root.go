package cli

import (
	"github.com/spf13/cobra"
)

func (a *app) newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "host",
		Short: "Train, sample and score flows on tables",
		Long: `host trains, samples and scores flows (normalizing flows, continuous
normalizing flows, flow matching) on rows of Parquet or Arrow files.

A pipeline file names stages and how they are joined; host checks it, plans it
and runs it. Start with

  host show                 the kinds of stages
  host validate FILE        every error of a pipeline file in one pass
  host run FILE             run it; outputs go to runs/NAME`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       hostVersion().Version,
		Args:          group,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.PersistentFlags().BoolVar(&a.json, "json", a.json, "print one JSON document on standard output")
	root.SetFlagErrorFunc(flagError)
	root.SuggestionsMinimumDistance = 2
	root.AddCommand(
		a.runCommand(), a.validateCommand(), a.planCommand(), a.graphCommand(),
		a.sampleCommand(), a.scoreCommand(), a.showCommand(), a.schemaCommand(),
		a.pluginCommand(), a.doctorCommand(), a.benchCommand(), a.versionCommand(),
	)
	root.SetHelpCommand(helpCommand())
	return root
}

// command makes a command whose result is printed as text or as a document.
func (a *app) command(c *cobra.Command, run func(cmd *cobra.Command, args []string) (result, error)) *cobra.Command {
	c.DisableFlagsInUseLine = true
	c.RunE = func(cmd *cobra.Command, args []string) error {
		a.ran = true
		r, err := run(cmd, args)
		if err != nil {
			return err
		}
		return a.print(r)
	}
	return c
}
