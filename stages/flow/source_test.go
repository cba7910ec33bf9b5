package flow

import (
	"errors"
	"math"
	"testing"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/random"
)

// A flow from a table gives its rows in their order, has no density, and is asked for
// its source.
func TestTable(t *testing.T) {
	b := Table{X: []float64{1, 2, 3, 4, 5, 6}, Dim: 2}
	x := make([]float64, 4)
	b.Sample(x, random.Key(7), 1, 2)
	if x[0] != 3 || x[3] != 6 {
		t.Errorf("rows 1 and 2 are %v", x)
	}
	b.LogProb(x[:1], b.X[:2], 1)
	if !math.IsNaN(x[0]) {
		t.Errorf("log-density %v", x[0])
	}
	d := Description{Base: BaseTable, Columns: []schemas.Column{{Name: "x", Type: "double"}}}
	for name, err := range map[string]error{
		"from.source": CheckSource(d, pipeline.Input{}, "source"),
		"log_prob":    d.CheckDensity("log_prob"),
	} {
		var e *schemas.Error
		if !errors.As(err, &e) || e.Path != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	d.Base = ""
	if err := errors.Join(CheckSource(d, pipeline.Input{}, "source"), d.CheckDensity("log_prob")); err != nil {
		t.Errorf("a flow from noise: %v", err)
	}
	d.Base = "nothing"
	d.Version, d.Dim, d.Target, d.BaseStd = FormatVersion, 1, TargetVelocity, 1
	if err := d.Check(); err == nil {
		t.Error("a base of another name is taken")
	}
}
