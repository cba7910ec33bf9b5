package manifest

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/pathline/pathline/schemas"
)

const sound = `version: 1
name: sine
command: [python3, sine.py]
files: [sine.py, "lib/*.py", data]
env: {THREADS: "2"}
test:
  path/sine: {gamma: 0.5}
`

func TestParse(t *testing.T) {
	m, err := Parse("p/plugin.yaml", []byte(sound))
	if err != nil {
		t.Fatal(err)
	}
	if m.Name != "sine" || m.Dir != "p" || len(m.Files) != 3 || m.Env["THREADS"] != "2" || string(m.Configs()["path/sine"]) != `{"gamma":0.5}` {
		t.Errorf("%+v %s", m, m.Configs())
	}
}

// Every mistake has a place, and all of a pass come at once.
func TestWrongManifests(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "plugin.yaml:1:1: the file is empty"},
		{"version: 1\nnam: x\ncommand: [a]\nfiles: [a]\n", "plugin.yaml:2:1: nam: unknown key \"nam\"; did you mean"},
		{"version: 2\nname: x\ncommand: [a]\nfiles: [a]\n", "plugin.yaml:1:10: version:"},
		{"version: 1\nname: a/b\ncommand: [a]\nfiles: [a]\n", "plugin.yaml:2:7: name: \"a/b\" is no name"},
		{"version: 1\nname: x\ncommand: python3 a.py\nfiles: [a]\n", "plugin.yaml:3:10: command: takes a list"},
		{"version: 1\nname: x\ncommand: [a]\nfiles: [a, ../b]\n", "plugin.yaml:4:12: files[1]: \"../b\" is not inside"},
		{"version: 1\nname: x\ncommand: [a]\nfiles: [\"[\"]\n", "plugin.yaml:4:9: files[0]: \"[\" is no pattern"},
		{"version: 1\nname: x\ncommand: []\nfiles: [a]\n", "plugin.yaml:3:10: command: there is no program"},
		{"version: 1\nname: x\ncommand: [a]\nfiles: [a]\ntest: {sine: {}}\n", "\"sine\" is not KIND/NAME"},
		{"version: 1\n\tname: x\n", "not YAML"},
	} {
		_, err := Parse("plugin.yaml", []byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func keys(d Digests) []string { return sortedKeys(d) }

func TestDigests(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"p/plugin.yaml": sound, "p/sine.py": "a", "p/lib/x.py": "b", "p/lib/x.txt": "no", "p/data/deep/y": "c",
		"p/data/__pycache__/z.pyc": "no", "p/data/.git/z": "no", "alone.py": "d"})
	d, err := OfCommand(dir, []string{"python3", "p/sine.py", "--fast"})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"p/data/deep/y", "p/lib/x.py", "p/plugin.yaml", "p/sine.py"}; !reflect.DeepEqual(keys(d), want) {
		t.Errorf("files %v, want %v", keys(d), want)
	}
	if d["p/sine.py"] != "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb" {
		t.Errorf("the digest of \"a\" is %s", d["p/sine.py"])
	}
	if d, err = OfCommand(dir, []string{"python3", "alone.py"}); err != nil || !reflect.DeepEqual(keys(d), []string{"alone.py"}) {
		t.Errorf("without a manifest: %v, %v", keys(d), err)
	}
	if _, err = OfCommand(dir, []string{"./absent"}); err == nil {
		t.Error("a program that is not there has digests")
	}
	if err := os.Remove(filepath.Join(dir, "p/sine.py")); err != nil {
		t.Fatal(err)
	}
	m, err := Read(filepath.Join(dir, "p"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = m.Digest(dir); err == nil || !strings.Contains(err.Error(), `"sine.py"`) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	if l, err := ReadLock(dir); l != nil || err != nil {
		t.Fatal(l, err)
	}
	sum := strings.Repeat("0a", 32)
	in := &Lock{Version: 1, Plugins: map[string]Pin{
		"a": {Plugin: "sine", Version: "1.0", Code: "x", Command: []string{"python3", "a: b.py"}, Files: map[string]string{"a: b.py": sum, "gone.py": sum}},
		"b": {Plugin: "other", Version: "2", Address: "unix:///tmp/x"}}}
	if err := in.Write(dir); err != nil {
		t.Fatal(err)
	}
	out, err := ReadLock(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range in.Plugins {
		if got := out.Plugins[name]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s came back as %+v, not %+v", name, got, want)
		}
	}
	other := strings.Repeat("0b", 32)
	got := out.Plugins["a"].Differ(Digests{"a: b.py": other, "new.py": sum})
	if len(got) != 3 || !strings.Contains(got[0], sum) || !strings.Contains(got[0], other) || !strings.Contains(got[1], "gone.py") || !strings.Contains(got[2], "new.py is new") {
		t.Errorf("differences %q", got)
	}
	if d := out.Plugins["a"].Differ(Digests{"a: b.py": sum, "gone.py": sum}); d != nil {
		t.Errorf("differences %q of what is the same", d)
	}
	_, err = ParseLock("pathline.lock", []byte("version: 1\nplugins:\n  a:\n    plugin: x\n    files: {a.py: zz}\n"))
	if err == nil || !strings.Contains(err.Error(), "pathline.lock:5:") || !strings.Contains(err.Error(), "host plugin pin") {
		t.Errorf("a wrong digest: %v", err)
	}
}

// Whatever the bytes are, the outcome is a value or errors that have a place.
func fuzz(f *testing.F, parse func(string, []byte) error) {
	f.Add([]byte(sound))
	f.Add([]byte("version: 1\nplugins:\n  a: {plugin: x, version: 1.0, files: {a: b}}\n"))
	f.Add([]byte("version: 1\nplugins: &p {a: *p}\n"))
	f.Add([]byte("{\x00: [\xff]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, e := range schemas.Errors(parse("file", text), "unexpected") {
			if e.Reason == "unexpected" || e.File != "file" || e.Line < 0 {
				t.Errorf("an error without a place: %+v", e)
			}
		}
	})
}

func FuzzManifest(f *testing.F) {
	fuzz(f, func(name string, text []byte) error { _, err := Parse(name, text); return err })
}

func FuzzLock(f *testing.F) {
	fuzz(f, func(name string, text []byte) error { _, err := ParseLock(name, text); return err })
}

func TestReadSaysWhatIsMissing(t *testing.T) {
	_, err := Read(t.TempDir())
	var e *schemas.Error
	if !errors.As(err, &e) || e.Reason != schemas.FileNotFound || !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
