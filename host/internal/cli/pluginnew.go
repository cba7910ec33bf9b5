package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pathline/pathline/plugins/template"
	"github.com/pathline/pathline/schemas"
)

func (a *app) pluginNew() *cobra.Command {
	p := template.Project{}
	lang := choice{value: template.Languages()[0], allowed: template.Languages()}
	cmd := a.command(&cobra.Command{
		Use:   "new --lang LANG --kind KIND DIR",
		Short: "Write the project of a new plugin",
		Long: `Write a complete project into a new folder: one implementation of a kind, a test
of its own, plugin.yaml and a README. It conforms as it is: build it, run
` + "`host plugin test DIR`" + `, then change it. Nothing is ever overwritten.

` + kindsOfLanguages(),
		Example: "  host plugin new --lang go --kind path sine\n  host plugin test sine",
		Args:    takes("DIR"),
	}, func(cmd *cobra.Command, args []string) (result, error) {
		p.Lang = lang.value
		if p.Kind == "" {
			return result{}, usage(cmd, "--kind is missing").Suggest("kinds are " + strings.Join(template.Kinds(p.Lang), ", "))
		}
		if p.Name == "" {
			abs, err := filepath.Abs(args[0])
			if err != nil {
				return result{}, schemas.Errorf(schemas.Usage, "%s: %w", args[0], err)
			}
			p.Name = filepath.Base(abs)
		}
		if v := hostVersion().Version; p.Version == "" && strings.HasPrefix(v, "v") {
			p.Version = v
		}
		files, err := template.Write(args[0], p)
		if err != nil {
			return result{}, err
		}
		view := struct {
			Dir   string   `json:"dir"`
			Name  string   `json:"name"`
			Lang  string   `json:"lang"`
			Kind  string   `json:"kind"`
			Files []string `json:"files"`
		}{args[0], p.Name, p.Lang, p.Kind, files}
		return result{view, func(w io.Writer) {
			fmt.Fprintf(w, "%s: a %s in %s\n", clean(args[0]), p.Kind, p.Lang)
			for _, f := range files {
				fmt.Fprintf(w, "  %s\n", clean(f))
			}
			fmt.Fprintln(w, "\nnext:")
			if p.Lang == "go" && p.Version == "" && p.Replace == "" {
				fmt.Fprintln(w, "  go mod edit -replace github.com/pathline/pathline=SOURCE   in the folder: this host is of no released version")
			}
			fmt.Fprintf(w, "  host plugin test %s\n", clean(args[0]))
		}}, nil
	})
	cmd.Flags().Var(&lang, "lang", "language of the project")
	lang.complete(cmd, "lang")
	cmd.Flags().StringVar(&p.Kind, "kind", "", "kind of the stage that the plugin implements")
	cmd.Flags().StringVar(&p.Name, "name", "", "name of the plugin; the folder's when left out")
	cmd.Flags().StringVar(&p.Module, "module", "", "path of the module of a project in Go; example.com/NAME when left out")
	cmd.Flags().StringVar(&p.Version, "version", "", "version of pathline that a project in Go needs; the host's when left out")
	cmd.Flags().StringVar(&p.Replace, "replace", "", "folder of pathline's source that a project in Go is built against")
	cmd.Flags().StringVar(&p.Python, "python", "", "interpreter of a project in Python; python3 when left out")
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(template.Kinds(lang.value), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func kindsOfLanguages() string {
	var b strings.Builder
	for _, l := range template.Languages() {
		fmt.Fprintf(&b, "Kinds in %s: %s.\n", l, strings.Join(template.Kinds(l), ", "))
	}
	return strings.TrimRight(b.String(), "\n")
}
