package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// usage is an error in the arguments of a command.
func usage(cmd *cobra.Command, format string, args ...any) *schemas.Error {
	e := schemas.Errorf(schemas.Usage, format, args...)
	return e.Suggest(fmt.Sprintf("see `%s --help`", cmd.CommandPath()))
}

// takes checks the number of arguments; names are their names in the usage
// line, the optional ones in brackets.
func takes(names ...string) cobra.PositionalArgs {
	least := 0
	for _, n := range names {
		if !strings.HasPrefix(n, "[") {
			least++
		}
	}
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usage(cmd, "%s needs %s", cmd.CommandPath(), strings.Join(names[len(args):least], " and "))
		case len(args) > len(names):
			if len(names) == 0 {
				return usage(cmd, "%s takes no arguments, %q is one", cmd.CommandPath(), args[0])
			}
			e := usage(cmd, "%s takes %s; %q is one too many", cmd.CommandPath(), strings.Join(names, " "), args[len(names)])
			if f := cmd.Flags().Lookup("isolate"); f != nil && f.Changed {
				e.Suggest(fmt.Sprintf("kinds follow an equals sign: --isolate=%s", args[len(names)]))
			}
			return e
		}
		return nil
	}
}

// group is for commands that only hold other commands.
func group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	e := usage(cmd, "%s has no command %q", cmd.CommandPath(), args[0])
	near := args[0]
	for _, c := range cmd.Commands() {
		if slices.Contains(c.SuggestFor, near) {
			near = c.Name()
		}
	}
	if d := pipeline.DidYouMean(near, names); d != "" {
		e.Suggest(d)
	}
	return e
}

// flagError gives what pflag finds the house's words.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var value *pflag.InvalidValueError
	var missing *pflag.ValueRequiredError
	switch {
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		if unknown.GetSpecifiedShortnames() != "" {
			return usage(cmd, "%s has no flag -%s", cmd.CommandPath(), name)
		}
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		e := usage(cmd, "%s has no flag --%s", cmd.CommandPath(), name)
		if d := pipeline.DidYouMean("--"+name, names); d != "" {
			e.Suggest(d)
		}
		return e
	case errors.As(err, &value):
		var named *schemas.Error
		if errors.As(value.Unwrap(), &named) {
			e := schemas.Errorf(schemas.Usage, "--%s: %s", value.GetFlag().Name, named.Message)
			return e.Suggest(named.Suggestion)
		}
		return usage(cmd, "--%s takes %s, not %q", value.GetFlag().Name, article(value.GetFlag().Value.Type()), value.GetValue())
	case errors.As(err, &missing):
		return usage(cmd, "--%s needs a value", missing.GetFlag().Name)
	}
	return usage(cmd, "%s", err.Error())
}

func article(kind string) string {
	switch kind {
	case "int", "int64", "uint64", "count":
		return "a whole number"
	case "float64":
		return "a number"
	case "bool":
		return "true or false"
	}
	return "a " + kind
}

// choice is a flag that takes one of a few words.
type choice struct {
	value   string
	allowed []string
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return strings.Join(c.allowed, "|") }

// Set takes one of the allowed words.
func (c *choice) Set(s string) error {
	for _, a := range c.allowed {
		if s == a {
			c.value = s
			return nil
		}
	}
	e := schemas.Errorf(schemas.Usage, "%q is not one of %s", s, strings.Join(c.allowed, ", "))
	if d := pipeline.DidYouMean(s, c.allowed); d != "" {
		e.Suggest(d)
	}
	return e
}

// complete offers the allowed words to the shell.
func (c *choice) complete(cmd *cobra.Command, flag string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(c.allowed, cobra.ShellCompDirectiveNoFileComp))
}

// sizeFlag is a number of bytes as people write it.
type sizeFlag struct {
	text  string
	bytes int64
}

func (s *sizeFlag) String() string { return s.text }
func (s *sizeFlag) Type() string   { return "size" }

// Set parses 512MiB, 2GB.
func (s *sizeFlag) Set(text string) error {
	n, err := pipeline.ParseSize(text)
	if err != nil {
		return schemas.Errorf(schemas.Usage, "%w", err)
	}
	if n < 16<<20 {
		return schemas.Errorf(schemas.Usage, "%s is too little; a run needs 16MiB or more", text)
	}
	s.text, s.bytes = text, n
	return nil
}

// files completes names of files with the endings.
func files(endings ...string) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return endings, cobra.ShellCompDirectiveFilterFileExt
	}
}

// choiceList is a flag that takes words with commas between them.
type choiceList struct{ list []string }

func (c *choiceList) String() string { return strings.Join(c.list, ",") }
func (c *choiceList) Type() string   { return "kinds" }

// Set takes a list.
func (c *choiceList) Set(s string) error {
	c.list = nil
	for _, w := range strings.Split(s, ",") {
		if w = strings.TrimSpace(w); w != "" {
			c.list = append(c.list, w)
		}
	}
	return nil
}
