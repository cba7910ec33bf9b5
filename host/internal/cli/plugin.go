package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pathline/pathline/host/internal/bench"
	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins"
	"github.com/pathline/pathline/plugins/launch"
	"github.com/pathline/pathline/schemas"
)

// pluginView is what a plugin says of itself.
type pluginView struct {
	Name            string     `json:"name"` // in the pipeline file
	Plugin          string     `json:"plugin"`
	Version         string     `json:"version"`
	Command         []string   `json:"command,omitempty"`
	Address         string     `json:"address,omitempty"`
	Pinned          string     `json:"pinned,omitempty"` // pinned or changed, where a pipeline file has a lock
	Protocol        uint       `json:"protocol"`
	Capabilities    []string   `json:"capabilities,omitempty"` // of the plugin
	Host            []string   `json:"host_capabilities"`
	Implementations []implView `json:"implementations"`
}

func (a *app) pluginCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plugin COMMAND",
		Short: "Make, test, inspect, pin and serve plugins",
		Long:  "Plugins are programs in any language that implement stages; a pipeline file names them under `plugins:`.",
		Args:  group,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.pluginNew(), a.pluginTest(), a.pluginList(), a.pluginInspect(), a.pluginDocs(), a.pluginPin(), a.pluginServe(), a.pluginReplay())
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
		views, err := a.describePlugins(cmd.Context(), args[0], "")
		if err != nil {
			return result{}, err
		}
		return result{views, func(w io.Writer) {
			if len(views) == 0 {
				fmt.Fprintf(w, "%s declares no plugins\n", clean(args[0]))
				return
			}
			rows := [][]string{{"PLUGIN", "VERSION", "LOCK", "IMPLEMENTS", ""}}
			for _, v := range views {
				name, version, lock := clean(v.Name), clean(v.Version), v.Pinned
				for _, i := range v.Implementations {
					rows = append(rows, []string{name, version, lock, clean(i.Kind + " " + v.Name + "/" + i.Name), clean(i.Doc)})
					name, version, lock = "", "", ""
				}
				if len(v.Implementations) == 0 {
					rows = append(rows, []string{name, version, lock, "nothing", ""})
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
		Use:   "inspect FILE NAME | ADDRESS | -- COMMAND ARG...",
		Short: "Show one plugin: what it implements, with every key",
		Long: `Ask one plugin to describe itself: one that a pipeline file declares, one that
runs already at an address (unix:///path or host:port), or a command, which is
started and ended again.`,
		Example: "  host plugin inspect pipeline.yaml sine\n  host plugin inspect -- python3 sine_path.py",
		Args:    inspectArgs,
	}, func(cmd *cobra.Command, args []string) (result, error) {
		v, err := a.inspect(cmd, args)
		return result{v, func(w io.Writer) { writePlugin(w, v) }}, err
	})
	cmd.ValidArgsFunction = files("yaml", "yml")
	return cmd
}

func inspectArgs(cmd *cobra.Command, args []string) error {
	switch dash := cmd.ArgsLenAtDash(); {
	case dash > 0:
		return usage(cmd, "%s takes a command after --, and nothing before", cmd.CommandPath())
	case dash == 0 && len(args) == 0:
		return usage(cmd, "%s needs a command after --", cmd.CommandPath())
	case dash == 0, len(args) == 2, len(args) == 1 && isAddress(args[0]):
		return nil
	case len(args) < 2:
		return usage(cmd, "%s needs FILE and NAME, an ADDRESS, or a command after --", cmd.CommandPath())
	}
	return usage(cmd, "%s takes FILE and NAME; %q is one too many", cmd.CommandPath(), args[2])
}

// isAddress tells unix:///path and host:port from the name of a file.
func isAddress(s string) bool {
	if _, err := os.Stat(s); err == nil {
		return false
	}
	return strings.Contains(s, ":")
}

func (a *app) inspect(cmd *cobra.Command, args []string) (pluginView, error) {
	var p plugins.Plugin
	name := ""
	switch {
	case cmd.ArgsLenAtDash() == 0:
		p.Command, name = args, filepath.Base(args[0])
	case len(args) == 1:
		p.Address, name = args[0], args[0]
	default:
		views, err := a.describePlugins(cmd.Context(), args[0], args[1])
		if err != nil {
			return pluginView{}, err
		}
		return views[0], nil
	}
	h := plugins.NewHost(a.logger(nil))
	defer h.Close()
	return describe(cmd.Context(), h, name, p)
}

func describe(ctx context.Context, h *plugins.Host, name string, p plugins.Plugin) (pluginView, error) {
	d, err := h.Describe(ctx, name, p)
	if err != nil {
		return pluginView{}, err
	}
	v := pluginView{Name: name, Plugin: d.Name, Version: d.Version, Command: p.Command, Address: p.Address, Implementations: []implView{},
		Protocol: launch.Handshake.ProtocolVersion, Capabilities: d.Capabilities, Host: plugins.Capabilities()}
	for _, o := range d.Implementations {
		i := implView{Kind: o.Kind, Name: o.Name, Doc: o.Doc, Keys: []keyView{}, Example: o.Example, Schema: o.Config.JSON()}
		keys(o.Config, "", &i.Keys)
		v.Implementations = append(v.Implementations, i)
	}
	return v, nil
}

// describePlugins starts the plugins of a file, or the one that is named, and
// asks what they are. What else is wrong with the file is of no interest.
func (a *app) describePlugins(ctx context.Context, file, only string) ([]pluginView, error) {
	views, asked := []pluginView{}, false
	h := plugins.NewHost(a.logger(nil))
	defer h.Close()
	_, err := pipeline.Load(ctx, file, a.Registry(), pipeline.LoadOptions{Env: a.Env,
		Plugins: func(ctx context.Context, dir string, declared map[string]pipeline.PluginSpec, _ *pipeline.Registry) error {
			asked = true
			if _, ok := declared[only]; !ok && only != "" {
				return schemas.Errorf(schemas.UnknownUse, "there is no plugin %q", only).Suggest(pipeline.DidYouMean(only, sortedKeys(declared)))
			}
			var locked pins
			if err := locked.begin(dir); err != nil {
				return err
			}
			for _, name := range sortedKeys(declared) {
				if only != "" && name != only {
					continue
				}
				v, err := describe(ctx, h, name, declaredPlugin(dir, declared[name]))
				if err != nil {
					return named(err, name)
				}
				v.Pinned = locked.state(name, declared[name])
				views = append(views, v)
			}
			return nil
		}})
	if !asked {
		return nil, err
	}
	return views, aboutPlugins(err)
}

// aboutPlugins are the errors of a file that are about its plugins.
func aboutPlugins(err error) error {
	var errs []error
	for _, e := range schemas.Errors(err, schemas.StageFailed) {
		if strings.HasPrefix(e.Path, "plugins") {
			errs = append(errs, e)
		}
	}
	return errors.Join(errs...)
}

// orNone lists capabilities.
func orNone(list []string) string {
	if len(list) == 0 {
		return "no capabilities"
	}
	return clean(strings.Join(list, ", "))
}

func writePlugin(w io.Writer, v pluginView) {
	rows := [][]string{{"plugin", clean(v.Plugin)}, {"version", clean(v.Version)}}
	if v.Address != "" {
		rows = append(rows, []string{"address", clean(v.Address)})
	} else {
		rows = append(rows, []string{"command", clean(strings.Join(v.Command, " "))})
	}
	if v.Pinned != "" {
		rows = append(rows, []string{"pathline.lock", v.Pinned})
	}
	rows = append(rows, []string{"protocol", fmt.Sprintf("%d; plugin: %s; host: %s", v.Protocol, orNone(v.Capabilities), orNone(v.Host))})
	table(w, "", rows)
	for _, i := range v.Implementations {
		fmt.Fprintf(w, "\n%s/%s: %s\n", clean(i.Kind), clean(i.Name), clean(i.Doc))
		writeKeys(w, i.Keys)
	}
}

func (a *app) pluginServe() *cobra.Command {
	benched := false
	cmd := a.command(&cobra.Command{
		Use:   "serve",
		Short: "Serve the built-in stages as a plugin",
		Long: `Be a plugin that implements the built-in stages: what --isolate starts. It talks
to the process that started it and ends with it.`,
		Args: takes(),
	}, func(*cobra.Command, []string) (result, error) {
		if v, _ := a.Env(launch.Handshake.MagicCookieKey); v != launch.Handshake.MagicCookieValue {
			return result{}, schemas.Errorf(schemas.Usage, "host plugin serve is started by a host, not by hand").
				Suggest("name it under `plugins:` as {command: [host, plugin, serve]}")
		}
		r := a.Registry()
		if benched {
			bench.Offer(r)
		}
		plugins.Serve(r, "host", hostVersion().Version)
		a.printed = true // standard output belonged to the protocol
		return result{}, nil
	})
	cmd.Flags().BoolVar(&benched, "bench", false, "also what host bench plugins needs")
	_ = cmd.Flags().MarkHidden("bench")
	return cmd
}
