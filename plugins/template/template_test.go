package template_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pathline/pathline/plugins/conform"
	"github.com/pathline/pathline/plugins/manifest"
	"github.com/pathline/pathline/plugins/template"
	"github.com/pathline/pathline/stages"
)

// Every kind has a project in every language.
func TestKinds(t *testing.T) {
	want := []string{"bijection"} // a model
	for _, k := range stages.Builtin().Kinds() {
		want = append(want, k.Name)
	}
	slices.Sort(want)
	for _, lang := range template.Languages() {
		if got := template.Kinds(lang); !slices.Equal(got, want) {
			t.Errorf("%s has projects of %v, want %v", lang, got, want)
		}
	}
}

// A project passes its own test and the conformance kit unedited.
func TestProjectsConform(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	python := os.Getenv("PATHLINE_PYTHON")
	for _, lang := range template.Languages() {
		for _, kind := range template.Kinds(lang) {
			t.Run(lang+"/"+kind, func(t *testing.T) {
				if lang == "python" {
					if python == "" {
						t.Skip("PATHLINE_PYTHON names no interpreter with the packages that plugins need")
					}
					t.Setenv("PYTHONPATH", filepath.Join(root, "plugins/python/src"))
				}
				dir := filepath.Join(t.TempDir(), "p")
				project := template.Project{Lang: lang, Kind: kind, Name: "my-" + kind, Replace: root, Python: python}
				if _, err := template.Write(dir, project); err != nil {
					t.Fatal(err)
				}
				m, err := manifest.Read(dir)
				if err != nil {
					t.Fatal(err)
				}
				prepare(t, lang, root, m)
				conform.Test(t, conform.Target{Name: m.Name, Command: m.Command, Dir: m.Dir, Env: m.Env, Configs: m.Configs()}, conform.Options{Kinds: []string{project.Stage()}})
				if d, err := m.Digest(dir); err != nil || len(d) < 3 {
					t.Errorf("the files of the manifest are %v, %v", d, err)
				}
			})
		}
	}
}

// prepare builds a project and runs its own test.
func prepare(t *testing.T, lang, root string, m *manifest.Manifest) {
	switch lang {
	case "go":
		// Sums of this module are those of the project: what it needs is known.
		sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
		if err == nil {
			err = os.WriteFile(filepath.Join(m.Dir, "go.sum"), sum, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
		command(t, m.Dir, nil, m.Build...)
		command(t, m.Dir, nil, "go", "test", "-mod=mod", ".")
	case "python":
		command(t, m.Dir, nil, m.Command[0], "-m", "pytest", "-q", "-p", "no:cacheprovider")
	}
}

func command(t *testing.T, dir string, env []string, args ...string) {
	t.Helper()
	c := exec.Command(args[0], args[1:]...)
	c.Dir = dir
	c.Env = append(os.Environ(), env...)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := template.Write(dir, template.Project{Lang: "go", Kind: "path", Name: "p"})
	if err == nil || !strings.Contains(err.Error(), "notes.txt") {
		t.Errorf("a folder that is not empty: %v", err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("the folder has %d files", len(files))
	}
	for _, p := range []template.Project{{Lang: "cobol", Kind: "path", Name: "p"}, {Lang: "go", Kind: "pth", Name: "p"}, {Lang: "go", Kind: "path", Name: "../p"}, {Lang: "go", Kind: "path"}} {
		if _, err := template.Write(filepath.Join(t.TempDir(), "x"), p); err == nil {
			t.Errorf("%+v is written", p)
		}
	}
}
