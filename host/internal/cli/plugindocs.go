package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pathline/pathline/plugins"
)

func (a *app) pluginDocs() *cobra.Command {
	cmd := a.command(&cobra.Command{
		Use:   "docs FILE NAME | DIR | ADDRESS | -- COMMAND ARG...",
		Short: "Write a page about a plugin from what it says of itself",
		Long: `Print a page of Markdown about a plugin: what it implements, a table of the keys
of each implementation, and an example. The plugin is one that a pipeline file
declares, one in a folder with a plugin.yaml, one at an address, or a command.`,
		Example: "  host plugin docs ./my-plugin > my-plugin.md\n  host plugin docs pipeline.yaml sine",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 && cmd.ArgsLenAtDash() < 0 {
				return nil
			}
			return pluginArgs(cmd, args)
		},
	}, func(cmd *cobra.Command, args []string) (result, error) {
		v, err := a.documented(cmd, args)
		if err != nil {
			return result{}, err
		}
		return result{v, func(w io.Writer) { writeDocs(w, v) }}, nil
	})
	return cmd
}

// documented asks the plugin that the arguments name.
func (a *app) documented(cmd *cobra.Command, args []string) (pluginView, error) {
	if len(args) != 1 || cmd.ArgsLenAtDash() == 0 || isAddress(args[0]) {
		return a.inspect(cmd, args)
	}
	m, err := a.manifestOf(args[0])
	if err != nil {
		return pluginView{}, err
	}
	if len(m.Build) > 0 {
		if err := a.build(cmd.Context(), m); err != nil {
			return pluginView{}, err
		}
	}
	h := plugins.NewHost(a.logger(nil))
	defer h.Close()
	return describe(cmd.Context(), h, m.Name, plugins.Plugin{Command: m.Command, Dir: m.Dir, Env: m.Env})
}

// writeDocs writes a page of Markdown.
func writeDocs(w io.Writer, v pluginView) {
	name := v.Name
	if len(v.Command) > 0 && v.Plugin != "" {
		name = v.Plugin
	}
	fmt.Fprintf(w, "# %s\n\nA plugin of pathline, version %s.\n\n```yaml\nplugins:\n", clean(name), code(v.Version))
	if v.Address != "" {
		fmt.Fprintf(w, "  %s: {address: %q}\n", clean(name), v.Address)
	} else {
		var words []string
		for i, c := range v.Command {
			if i == 0 && filepath.IsAbs(c) {
				c = filepath.Base(c)
			}
			words = append(words, quoted(c))
		}
		fmt.Fprintf(w, "  %s: {command: [%s]}\n", clean(name), strings.Join(words, ", "))
	}
	fmt.Fprint(w, "```\n")
	for _, i := range v.Implementations {
		fmt.Fprintf(w, "\n## %s %s/%s\n\n%s.\n", clean(i.Kind), clean(name), clean(i.Name), strings.TrimRight(cell(i.Doc), "."))
		if len(i.Keys) == 0 {
			fmt.Fprint(w, "\nNothing is configured.\n")
		} else {
			fmt.Fprint(w, "\n| key | type | default | allowed | what |\n|---|---|---|---|---|\n")
		}
		for _, k := range i.Keys {
			def := ""
			switch {
			case k.Required:
				def = "required"
			case k.Default != nil && k.Default != "":
				def = code(short(k.Default))
			}
			allowed := k.Limits
			if len(k.Enum) > 0 {
				allowed = strings.Join(k.Enum, ", ")
			}
			fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", code(k.Key), cell(k.Type), def, cell(allowed), cell(k.Doc))
		}
		fmt.Fprintf(w, "\n```yaml\nstages:\n  mine:\n    kind: %s\n    use: %s/%s\n", clean(i.Kind), clean(name), clean(i.Name))
		if e := strings.TrimSpace(i.Example); strings.Contains(e, "\n") {
			fmt.Fprint(w, "    with:\n")
			for _, line := range strings.Split(e, "\n") {
				fmt.Fprintf(w, "      %s\n", clean(line))
			}
		} else if e != "" {
			fmt.Fprintf(w, "    with: %s\n", clean(e))
		}
		fmt.Fprint(w, "```\n")
	}
}

// cell makes text safe for a cell of a table.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "<", "&lt;", "`", "'").Replace(clean(s))
}

func code(s string) string { return "`" + strings.ReplaceAll(cell(s), "&lt;", "<") + "`" }

// quoted writes a word of a command as YAML takes it.
func quoted(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./_-") == "" && s[0] != '-' {
		return s
	}
	return fmt.Sprintf("%q", s)
}
