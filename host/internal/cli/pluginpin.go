package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins/manifest"
	"github.com/pathline/pathline/schemas"
)

func (a *app) pluginPin() *cobra.Command {
	cmd := a.command(&cobra.Command{
		Use:   "pin FILE",
		Short: "Accept the plugins of a pipeline file as they are now",
		Long: `Write pathline.lock beside a pipeline file: for each plugin that the file
declares the SHA-256 of its files, and the version and digest that it says.
From then on run, validate and plan start a plugin only when its files are those
that were accepted.

The files of a plugin are those that its command names, and where a plugin.yaml
lies beside them those that it names under files. A program that is looked for
in PATH, as an interpreter, belongs to the machine and is not pinned.`,
		Example: "  host plugin pin pipeline.yaml",
		Args:    takes("FILE"),
	}, func(cmd *cobra.Command, args []string) (result, error) {
		return a.pin(cmd.Context(), args[0])
	})
	cmd.ValidArgsFunction = files("yaml", "yml")
	return cmd
}

// pinned is what pin did with one plugin.
type pinned struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Files   int      `json:"files"`
	Changes []string `json:"changes,omitempty"` // of what was accepted before
}

func (a *app) pin(ctx context.Context, file string) (result, error) {
	set := newPlugins(isolateFlag{yes: true}, a.logger(nil))
	defer set.close()
	if err := set.declare(ctx, a, file); err != nil {
		return result{}, err
	}
	if len(set.pins.seen) == 0 {
		return result{}, schemas.Errorf(schemas.Usage, "%s declares no plugins", file).Suggest("there is nothing to pin")
	}
	if err := set.pins.write(); err != nil {
		return result{}, err
	}
	name := filepath.Join(set.pins.dir, manifest.LockName)
	view := struct {
		File    string   `json:"file"`
		Plugins []pinned `json:"plugins"`
	}{name, set.pins.seen}
	return result{view, func(w io.Writer) {
		rows := [][]string{}
		for _, p := range set.pins.seen {
			what := "the same"
			if set.pins.lock == nil {
				what = "new"
			} else if len(p.Changes) > 0 {
				what = plural(len(p.Changes), "change")
			}
			rows = append(rows, []string{clean(p.Name), clean(p.Version), plural(p.Files, "file"), what})
		}
		table(w, "", rows)
		fmt.Fprintf(w, "written to %s\n", clean(name))
	}}, nil
}

// declare starts the plugins of a file; what else is wrong with the file is of no
// interest.
func (s *pluginSet) declare(ctx context.Context, a *app, file string) error {
	asked := false
	var own error
	_, err := pipeline.Load(ctx, file, a.Registry(), pipeline.LoadOptions{Env: a.Env,
		Plugins: func(ctx context.Context, dir string, declared map[string]pipeline.PluginSpec, r *pipeline.Registry) error {
			asked = true
			own = s.prepare(ctx, dir, declared, r)
			return own
		}})
	if asked && own == nil {
		return nil
	}
	return err
}

// pins compares the plugins of a file with what was accepted.
type pins struct {
	dir  string
	lock *manifest.Lock // nil when nothing was ever accepted
	yes  bool           // accept what differs
	seen []pinned
	now  map[string]manifest.Pin
}

// begin reads the lock beside a pipeline file.
func (p *pins) begin(dir string) (err error) {
	p.dir, p.now = dir, map[string]manifest.Pin{}
	p.lock, err = manifest.ReadLock(dir)
	return err
}

// before refuses a plugin whose files are not those that were accepted, before
// anything of it is started.
func (p *pins) before(name string, spec pipeline.PluginSpec) error {
	now := manifest.Pin{Command: spec.Command, Address: spec.Address, Files: manifest.Digests{}}
	if p.lock == nil && !p.yes {
		return nil
	}
	if len(spec.Command) > 0 {
		var err error
		if now.Files, err = manifest.OfCommand(p.dir, spec.Command); err != nil {
			return err
		}
	}
	p.now[name] = now
	if p.lock == nil {
		return nil
	}
	was, ok := p.lock.Plugins[name]
	var changes []string
	switch {
	case !ok:
		changes = []string{"it is not in the lock"}
	case !was.SameCommand(now.Command, now.Address):
		changes = append([]string{fmt.Sprintf("it is started otherwise\n  accepted %s\n  now      %s", startOf(was), startOf(now))}, was.Differ(now.Files)...)
	default:
		changes = was.Differ(now.Files)
	}
	return p.judge(name, changes)
}

func startOf(p manifest.Pin) string {
	if p.Address != "" {
		return "address " + p.Address
	}
	return strings.Join(p.Command, " ")
}

// after compares what a plugin says of itself.
func (p *pins) after(name string, r pipeline.PluginRecord) error {
	now, ok := p.now[name]
	if !ok {
		return nil
	}
	now.Plugin, now.Version, now.Code = r.Plugin, r.Version, r.SHA256
	p.now[name] = now
	var changes []string
	if p.lock != nil {
		if was, ok := p.lock.Plugins[name]; ok {
			for _, c := range [][3]string{{"name", was.Plugin, now.Plugin}, {"version", was.Version, now.Version}, {"digest", was.Code, now.Code}} {
				if c[1] != c[2] {
					changes = append(changes, fmt.Sprintf("it says another %s\n  accepted %s\n  now      %s", c[0], c[1], c[2]))
				}
			}
		}
	}
	if err := p.judge(name, changes); err != nil {
		return err
	}
	seen := pinned{Name: name, Version: now.Version, Files: len(now.Files)}
	for _, s := range p.seen {
		if s.Name == name {
			seen.Changes = s.Changes
		}
	}
	p.replace(seen)
	return nil
}

func (p *pins) replace(s pinned) {
	for i := range p.seen {
		if p.seen[i].Name == s.Name {
			p.seen[i] = s
			return
		}
	}
	p.seen = append(p.seen, s)
}

// judge refuses changes, or keeps them for the note when they are accepted.
func (p *pins) judge(name string, changes []string) error {
	if len(changes) == 0 {
		return nil
	}
	if p.yes {
		s := pinned{Name: name, Changes: changes}
		for _, old := range p.seen {
			if old.Name == name {
				s.Changes = append(old.Changes, changes...)
			}
		}
		p.replace(s)
		return nil
	}
	return schemas.Errorf(schemas.PluginStart, "plugin %q is not what %s accepts: %s", name, filepath.Join(p.dir, manifest.LockName), strings.Join(changes, "; ")).
		Suggest("look at what changed, then accept it with `host plugin pin FILE`, or with `host run --yes`")
}

// changed says whether something was accepted that is not in the lock.
func (p *pins) changed() bool {
	for _, s := range p.seen {
		if len(s.Changes) > 0 {
			return true
		}
	}
	return false
}

// write keeps what was accepted, beside the plugins of other files.
func (p *pins) write() error {
	out := &manifest.Lock{Version: 1, Plugins: map[string]manifest.Pin{}}
	if p.lock != nil {
		for name, pin := range p.lock.Plugins {
			out.Plugins[name] = pin
		}
	}
	for name, pin := range p.now {
		out.Plugins[name] = pin
	}
	return out.Write(p.dir)
}

// accept keeps in an existing lock what --yes has accepted, and says so.
func (s *pluginSet) accept(a *app) error {
	p := &s.pins
	if !p.yes || p.lock == nil || !p.changed() {
		return nil
	}
	for _, c := range p.seen {
		if len(c.Changes) > 0 {
			a.note(fmt.Sprintf("accepted into %s: plugin %q: %s", filepath.Join(p.dir, manifest.LockName), c.Name, message(strings.Join(c.Changes, "; "))))
		}
	}
	return p.write()
}

// state says of a plugin whether it is pinned: pinned, changed, or "".
func (p *pins) state(name string, spec pipeline.PluginSpec) string {
	if p.lock == nil {
		return ""
	}
	was, ok := p.lock.Plugins[name]
	if !ok {
		return ""
	}
	var now manifest.Digests
	if len(spec.Command) > 0 {
		var err error
		if now, err = manifest.OfCommand(p.dir, spec.Command); err != nil {
			return "changed"
		}
	}
	if !was.SameCommand(spec.Command, spec.Address) || len(was.Differ(now)) > 0 {
		return "changed"
	}
	return "pinned"
}
