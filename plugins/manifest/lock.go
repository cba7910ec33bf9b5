package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// LockName is the name of a lock beside a pipeline file.
const LockName = "pathline.lock"

// Lock is what was accepted of the plugins of the pipeline files in a folder.
type Lock struct {
	Version int            `yaml:"version" json:"version" doc:"version of this format: 1" required:"true" min:"1" max:"1"`
	Plugins map[string]Pin `yaml:"plugins" json:"plugins" doc:"by the name that a pipeline file gives them"`

	Name string `yaml:"-" json:"-"` // of the file
}

// Pin is what was accepted of one plugin.
type Pin struct {
	Plugin  string            `yaml:"plugin" json:"plugin" doc:"what it calls itself"`
	Version string            `yaml:"version" json:"version" doc:"the version that it says"`
	Code    string            `yaml:"code" json:"code,omitempty" doc:"the digest of its program that it says"`
	Command []string          `yaml:"command" json:"command,omitempty" doc:"how it was started"`
	Address string            `yaml:"address" json:"address,omitempty" doc:"where it was found"`
	Files   map[string]string `yaml:"files" json:"files,omitempty" doc:"SHA-256 of its files, by name relative to this file"`
}

// Validate reports what the tags do not say.
func (l *Lock) Validate() error {
	var errs []error
	for name, p := range l.Plugins {
		for file, sum := range p.Files {
			if len(sum) != 64 || strings.Trim(sum, "0123456789abcdef") != "" {
				errs = append(errs, schemas.Errorf(schemas.OutOfRange, "%q is no SHA-256", sum).At("plugins."+name+".files."+file).
					Suggest("`host plugin pin` writes this file"))
			}
		}
	}
	sort.Slice(errs, func(i, j int) bool { return errs[i].Error() < errs[j].Error() })
	return errors.Join(errs...)
}

// ParseLock reads the text of a lock.
func ParseLock(name string, text []byte) (*Lock, error) {
	l := &Lock{}
	if err := pipeline.DecodeFile(name, text, l); err != nil {
		return nil, err
	}
	l.Name = name
	return l, nil
}

// ReadLock reads the lock of a folder; nil when there is none.
func ReadLock(dir string) (*Lock, error) {
	name := filepath.Join(dir, LockName)
	text, err := readSmall(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return ParseLock(name, text)
}

// Write writes the lock into a folder, complete or not at all.
func (l *Lock) Write(dir string) error {
	var b bytes.Buffer
	b.WriteString("# What was accepted of the plugins of the pipeline files here.\n# Written by `host plugin pin`; keep it with the pipeline file.\n")
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	type plain struct { // without the keys that are empty
		Plugin  string            `yaml:"plugin"`
		Version string            `yaml:"version"`
		Code    string            `yaml:"code,omitempty"`
		Command []string          `yaml:"command,omitempty,flow"`
		Address string            `yaml:"address,omitempty"`
		Files   map[string]string `yaml:"files,omitempty"`
	}
	out := struct {
		Version int              `yaml:"version"`
		Plugins map[string]plain `yaml:"plugins"`
	}{1, map[string]plain{}}
	for name, p := range l.Plugins {
		out.Plugins[name] = plain(p)
	}
	if err := errors.Join(e.Encode(out), e.Close()); err != nil {
		return err
	}
	return pipeline.WriteFile(filepath.Join(dir, LockName), b.Bytes())
}

// Differ lists how the files of a plugin are not those that were accepted.
func (p Pin) Differ(now Digests) (out []string) {
	for _, name := range sortedKeys(p.Files) {
		switch sum, ok := now[name]; {
		case !ok:
			out = append(out, fmt.Sprintf("%s is gone or does not belong to it any more", name))
		case sum != p.Files[name]:
			out = append(out, fmt.Sprintf("%s has changed\n  accepted sha256 %s\n  now      sha256 %s", name, p.Files[name], sum))
		}
	}
	for _, name := range sortedKeys(now) {
		if _, ok := p.Files[name]; !ok {
			out = append(out, fmt.Sprintf("%s is new", name))
		}
	}
	return out
}

// SameCommand says whether a plugin is started or found as it was.
func (p Pin) SameCommand(command []string, address string) bool {
	return slices.Equal(p.Command, command) && p.Address == address
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
