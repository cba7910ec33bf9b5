package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/flow"
)

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
