//go:build unix

package cli

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"strings"
	"testing"

	"github.com/pathline/pathline/stages"
)

// called runs a command with the built-in stages, whatever comes of it.
func called(args string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = Main(Process{Args: strings.Fields(args), Stdout: &o, Stderr: &e, Registry: stages.Builtin})
	return code, o.String(), e.String()
}

// A plugin whose files are not those that were accepted is refused before it
// starts, with both digests and the command that accepts it.
func TestPin(t *testing.T) {
	t.Chdir(t.TempDir())
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\n# first\ntouch started\nexec " + self + " plugin serve\n"
	program := func(text string) {
		write(t, "other.sh", text)
		if err := os.Chmod("other.sh", 0o700); err != nil {
			t.Fatal(err)
		}
		os.Remove("started")
	}
	program(script)
	write(t, "p.yaml", "version: 1\nname: p\nplugins:\n  other: {command: [./other.sh]}\nstages:\n  p: {kind: path, use: other/vp}\n")
	if text := withStages(t, "plugin pin p.yaml"); !strings.Contains(text, "new") || !strings.Contains(text, "1 file") {
		t.Error(text)
	}
	withStages(t, "validate p.yaml")
	if text := withStages(t, "plugin list p.yaml"); !strings.Contains(text, "pinned") {
		t.Error(text)
	}
	before, err := os.ReadFile("pathline.lock")
	if err != nil {
		t.Fatal(err)
	}

	program(strings.Replace(script, "first", "second", 1))
	for _, args := range []string{"validate p.yaml", "plan p.yaml", "run p.yaml"} {
		code, _, errs := called(args)
		if code != 4 || strings.Count(errs, "sha256 ") != 2 || !strings.Contains(errs, "other.sh has changed") || !strings.Contains(errs, "host plugin pin") || !strings.Contains(errs, "p.yaml:4:") {
			t.Errorf("host %s: exit code %d\n%s", args, code, errs)
		}
		if _, err := os.Stat("started"); err == nil {
			t.Fatalf("host %s started it", args)
		}
	}
	if text := withStages(t, "plugin list p.yaml"); !strings.Contains(text, "changed") {
		t.Error(text)
	}
	if code, _, errs := called("run p.yaml --yes"); code != 0 || !strings.Contains(errs, "accepted into") {
		t.Errorf("--yes: exit code %d\n%s", code, errs)
	}
	after, err := os.ReadFile("pathline.lock")
	if err != nil || bytes.Equal(before, after) {
		t.Errorf("--yes does not keep what it accepts: %v", err)
	}
	withStages(t, "validate p.yaml")

	write(t, "p.yaml", "version: 1\nname: p\nplugins:\n  another: {command: [./other.sh]}\nstages:\n  p: {kind: path, use: another/vp}\n")
	if code, _, errs := called("validate p.yaml"); code != 4 || !strings.Contains(errs, "not in the lock") {
		t.Errorf("a plugin beside the lock: exit code %d\n%s", code, errs)
	}
	withStages(t, "plugin pin p.yaml")
	if lock, _ := os.ReadFile("pathline.lock"); !bytes.Contains(lock, []byte("  other:")) || !bytes.Contains(lock, []byte("  another:")) {
		t.Errorf("the lock keeps only one file's plugins:\n%s", lock)
	}
	write(t, "pathline.lock", "version: 1\nplugins: []\n")
	if code, _, errs := called("validate p.yaml"); code != 2 || !strings.Contains(errs, "pathline.lock:2:10") {
		t.Errorf("a broken lock: exit code %d\n%s", code, errs)
	}
}

// host plugin test tells people, scripts and machines the same.
func TestPluginTestCommand(t *testing.T) {
	t.Chdir(t.TempDir())
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	write(t, "plugin.yaml", "version: 1\nname: mine\ncommand: ["+self+", plugin, serve]\nfiles: [plugin.yaml]\n")
	args := "plugin test --kind coupling --junit report.xml ."
	if code, out, _ := called(args); code != 0 || !strings.Contains(out, "conforms: ") || !strings.Contains(out, "(coupling)") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	// One that says nothing when it is started by hand.
	write(t, "plugin.yaml", "version: 1\nname: mine\ncommand: [sh, -c, 'test -n \"$PATHLINE_PLUGIN\" && exec "+self+" plugin serve']\nfiles: [plugin.yaml]\n")
	code, out, errs := called(args)
	if code != 4 {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	for _, want := range []string{"FAIL  handshake/by-hand", "says nothing on standard error", "does not conform: ", "(coupling)"} {
		if !strings.Contains(out+errs, want) {
			t.Errorf("there is no %q in\n%s", want, out)
		}
	}
	raw, err := os.ReadFile("report.xml")
	if err != nil {
		t.Fatal(err)
	}
	var suite struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Cases    []struct {
			Name string `xml:"name,attr"`
		} `xml:"testcase"`
	}
	if err := xml.Unmarshal(raw, &suite); err != nil || suite.Failures != 1 || len(suite.Cases) != suite.Tests || suite.Tests < 20 {
		t.Errorf("%v: %+v", err, suite)
	}
	var doc struct {
		OK     bool
		Result struct {
			Passed, Failed int
			Results        []struct{ ID, Status string }
		}
	}
	code, out, _ = called(args + " --json")
	if err := json.Unmarshal([]byte(out), &doc); err != nil || code != 4 || doc.OK || doc.Result.Failed != 1 || len(doc.Result.Results) != suite.Tests {
		t.Errorf("%v: exit code %d, %+v", err, code, doc)
	}
}

func TestPluginDocs(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text := withStages(t, "plugin docs -- "+self+" plugin serve")
	for _, want := range []string{"## path host/vp", "| `beta_max` | number | `20` |", "with: {rtol: 1e-5, atol: 1e-5}", "Nothing is configured."} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %q", want)
		}
	}
}
