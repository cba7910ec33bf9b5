package cli

import "github.com/spf13/cobra"

// helpCommand replaces cobra's, which ends well for commands that do not exist.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about any command",
		Long:  "Print what a command does and its flags; `host COMMAND --help` prints the same.",
		RunE: func(cmd *cobra.Command, args []string) error {
			at := cmd.Root()
			for i, name := range args {
				next := (*cobra.Command)(nil)
				for _, c := range at.Commands() {
					if c.Name() == name || c.HasAlias(name) {
						next = c
					}
				}
				if next == nil {
					return group(at, args[i:])
				}
				at = next
			}
			return at.Help()
		},
	}
}

// addCompletion adds cobra's completion command, which keeps the root's output
// as it is now, and makes it an error to name a shell that there is not.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Args = group
			c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
}
