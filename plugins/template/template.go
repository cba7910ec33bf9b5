package template

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

//go:embed all:go all:python
var files embed.FS

const ending = ".tmpl"

// Project says what to write.
type Project struct {
	Lang string // go, python
	Kind string
	Name string // of the plugin and of what it implements
	// Of a project in Go:
	Module  string // its path; "" for example.com/NAME
	Version string // of pathline; "" for v0.0.0
	Replace string // a folder of pathline's source to build against
	// Of a project in Python:
	Python string // the interpreter; "" for python3
}

// Languages are those that there are projects for.
func Languages() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic("template: " + err.Error())
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// Kinds are the kinds that a language has projects for, and bijection, a model that is a
// discrete flow.
func Kinds(lang string) []string {
	entries, _ := files.ReadDir(lang)
	var out []string
	for _, e := range entries {
		if stem, _, _ := strings.Cut(e.Name(), "."); kindOf(e.Name()) != stem {
			out = append(out, kindOf(e.Name()))
		}
	}
	slices.Sort(out)
	return out
}

// kindOf is the kind that a file is about: path of path.go, path_test.go and
// test_path.py.
func kindOf(name string) string {
	stem, _, _ := strings.Cut(name, ".")
	return strings.TrimPrefix(strings.TrimSuffix(stem, "_test"), "test_")
}

// bijection is a project of its own: a model that is a discrete flow.
const bijection = "bijection"

// Stage is the kind of the stage that the project is.
func (p Project) Stage() string {
	if p.Kind == bijection {
		return "model"
	}
	return p.Kind
}

// Write writes a project into a folder, which is made; one that holds something
// already is refused. The names of the files are given, in order.
func Write(dir string, p Project) ([]string, error) {
	if !slices.Contains(Languages(), p.Lang) {
		return nil, schemas.Errorf(schemas.Usage, "there is no project in %q", p.Lang).Suggest("languages are " + strings.Join(Languages(), ", "))
	}
	kinds := Kinds(p.Lang)
	if !slices.Contains(kinds, p.Kind) {
		return nil, schemas.Errorf(schemas.Usage, "there is no project of kind %q in %s", p.Kind, p.Lang).Suggest("kinds are " + strings.Join(kinds, ", "))
	}
	if !word(p.Name) {
		return nil, schemas.Errorf(schemas.Usage, "%q is no name of a plugin", p.Name).
			Suggest("name it with a letter first, then letters, digits and -")
	}
	if p.Module == "" {
		p.Module = "example.com/" + p.Name
	}
	if p.Version == "" {
		p.Version = "v0.0.0"
	}
	if p.Python == "" {
		p.Python = "python3"
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, pipeline.FileError(err)
	case len(entries) > 0:
		return nil, schemas.Errorf(schemas.OutputPath, "%s is not empty, and nothing is overwritten; it has %s", dir, entries[0].Name()).
			Suggest("name a new folder")
	}
	texts, names, err := p.texts(kinds)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, pipeline.FileError(err)
	}
	for i, name := range names {
		if err := create(filepath.Join(dir, name), texts[i]); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func create(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return pipeline.FileError(err)
	}
	_, err = f.Write(text)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return pipeline.FileError(err)
	}
	return nil
}

// texts fills in the files that are common and those of the kind.
func (p Project) texts(kinds []string) (texts [][]byte, names []string, err error) {
	entries, err := files.ReadDir(p.Lang)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ending)
		if kind := kindOf(name); slices.Contains(kinds, kind) && kind != p.Kind {
			continue
		}
		raw, err := files.ReadFile(p.Lang + "/" + e.Name())
		if err != nil {
			return nil, nil, err
		}
		t, err := template.New(name).Option("missingkey=error").Parse(string(raw))
		if err != nil {
			return nil, nil, fmt.Errorf("template: %w", err)
		}
		var b bytes.Buffer
		if err := t.Execute(&b, p); err != nil {
			return nil, nil, fmt.Errorf("template: %w", err)
		}
		text := b.Bytes()
		if strings.HasSuffix(name, ".go") {
			if text, err = format.Source(text); err != nil {
				return nil, nil, fmt.Errorf("template: %s of %s: %w", name, p.Kind, err)
			}
		}
		if name == "gitignore" {
			name = ".gitignore"
		}
		texts, names = append(texts, text), append(names, name)
	}
	return texts, names, nil
}

// word says whether a name can stand in a pipeline file and name a program.
func word(s string) bool {
	for i, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
		case i > 0 && (r >= '0' && r <= '9' || r == '-' || r == '_'):
		default:
			return false
		}
	}
	return s != "" && len(s) <= 64
}
