package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages"
	"github.com/pathline/pathline/stages/flow"
)

// tiny writes a pipeline file that trains a flow of two columns.
func tiny(t *testing.T) string {
	t.Helper()
	write(t, "p.yaml", `version: 1
name: tiny
seed: 1
stages:
  data: {kind: loader, use: generate, with: {name: moons, rows: 300}}
  scaled: {kind: transform, use: standardize, from: {data: data}}
  field: {kind: model, use: mlp, with: {hidden: [8]}}
  train: {kind: trainer, use: cfm, from: {data: scaled, model: field}, with: {steps: 5, batch: 32}}
`)
	return "p.yaml"
}

// saved is a flow file of one column without weights.
func saved(t *testing.T, change func(d *flow.Description)) string {
	t.Helper()
	d := flow.Description{Version: flow.FormatVersion, Columns: []schemas.Column{{Name: "a", Type: "float64"}},
		Model: flow.Component{Use: "mlp"}, Path: flow.Component{Use: "condot"}, Dim: 1, Target: flow.TargetVelocity, BaseStd: 1}
	change(&d)
	name := filepath.Join(t.TempDir(), "f.safetensors")
	if err := flow.Save(name, d, nil); err != nil {
		t.Fatal(err)
	}
	return name
}

// What begins at rows of a table has no normal base, and pairs say what a flow can do.
func TestShowFlowSaysItsBaseAndPairs(t *testing.T) {
	for _, c := range []struct {
		change func(d *flow.Description)
		says   []string
		not    string
	}{
		{func(d *flow.Description) { d.BaseStd = 2 }, []string{"normal, standard deviation 2", "independent"}, "table"},
		{func(d *flow.Description) { d.Base, d.Pairs = flow.BaseTable, flow.PairsCoupled }, []string{"rows of a table", "coupled"}, "normal"},
		{func(d *flow.Description) { d.Pairs = flow.PairsNone }, []string{"trained by likelihood"}, "independent"},
	} {
		r, err := showFlow(saved(t, c.change))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		r.text(&b)
		for _, s := range c.says {
			if !strings.Contains(b.String(), s) {
				t.Errorf("%q is not said in\n%s", s, b.String())
			}
		}
		if strings.Contains(b.String(), c.not) {
			t.Errorf("%q is said in\n%s", c.not, b.String())
		}
	}
}

// What is wrong with an argument is said of it: not of a stage, and not as if there
// were a pipeline file.
func TestErrorsOfSampleAndScoreAreOfArguments(t *testing.T) {
	t.Chdir(t.TempDir())
	withStages(t, "run --quiet "+tiny(t))
	write(t, "text.safetensors", "version: 1, and more text than a header has bytes")
	const trained = "runs/tiny/train.safetensors"
	for args, says := range map[string]string{
		"sample nothing.safetensors --rows 3":                  "as runs/NAME/train.safetensors",
		"sample text.safetensors --rows 3":                     "text.safetensors: ",
		"sample " + trained + " --rows 3 --given c=1":          "--given",
		"sample " + trained + " --rows 3 --solver rk4,stepz=3": "--solver stepz",
		"sample " + trained + " --rows 3 --solver rk5":         "--solver",
		"score " + trained + " nothing.parquet":                "nothing.parquet",
		"check p.yaml":                                         `did you mean "validate"?`,
	} {
		if !strings.HasPrefix(args, "check") {
			args += " --out out.csv"
		}
		var out, errs bytes.Buffer
		code := Main(Process{Args: strings.Fields(args), Stdout: &out, Stderr: &errs, Registry: stages.Builtin})
		if code == 0 || !strings.Contains(errs.String(), says) || strings.Contains(errs.String(), ".with.") || strings.Contains(errs.String(), "pipeline file") {
			t.Errorf("host %s: exit code %d, %q is not said in\n%s", args, code, says, errs.String())
		}
	}
}

// The error is of the argument, not of a stage that nobody wrote.
func TestDiscreteFlowsTakeNoSolverArgument(t *testing.T) {
	name := saved(t, func(d *flow.Description) { d.Target, d.Path = flow.TargetBase, flow.Component{} })
	data := filepath.Join(t.TempDir(), "rows.parquet")
	if err := os.WriteFile(data, []byte("a\n1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out.csv")
	for _, args := range [][]string{{"sample", name, "--rows", "3"}, {"score", name, data}} {
		code, _, says := host(append(args, "--solver", "rk4", "--out", out)...)
		if code == 0 || !strings.Contains(says, "leave --solver out") || strings.Contains(says, "from.solver") {
			t.Errorf("%v: exit code %d, %s", args, code, says)
		}
	}
}
