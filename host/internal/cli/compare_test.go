package cli

import (
	"encoding/json"
	"testing"

	"github.com/pathline/pathline/host/internal/report"
)

// A page knows images by the models of the file, and only where the numbers agree.
func TestShapeOf(t *testing.T) {
	for _, c := range []struct {
		models string
		size   int
		want   report.Shape
	}{
		{`{"m": {"kind": "model", "use": "realnvp", "with": {"shape": [4, 6]}}}`, 24, report.Shape{Height: 4, Width: 6, Channels: 1}},
		{`{"m": {"kind": "model", "use": "realnvp", "with": {"shape": [4, 2, 3]}}}`, 24, report.Shape{Height: 4, Width: 2, Channels: 3}},
		{`{"m": {"kind": "model", "use": "realnvp", "with": {"shape": [4, 6]}}}`, 25, report.Shape{}},
		{`{"m": {"kind": "model", "use": "realnvp"}}`, 25, report.Shape{}},
		{`{"a": {"kind": "model", "use": "maf", "with": {"hidden": [8]}}, "m": {"kind": "model", "use": "glow"}}`, 25, report.Shape{Height: 5, Width: 5, Channels: 1}},
		{`{"m": {"kind": "model", "use": "glow"}}`, 24, report.Shape{}},
		{`{"m": {"kind": "evaluator", "use": "glow", "with": {"shape": [4, 6]}}}`, 24, report.Shape{}},
		{`{"m": {"kind": "model", "use": "theirs/x", "with": {"shape": "round"}}}`, 24, report.Shape{}},
	} {
		if got := readResolved(json.RawMessage(`{"stages": ` + c.models + `}`)).shapeOf(c.size); got != c.want {
			t.Errorf("%s, %d numbers: %+v, want %+v", c.models, c.size, got, c.want)
		}
	}
}
