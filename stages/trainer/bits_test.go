package trainer

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/pathline/pathline/schemas"
)

// TestCodeLength: pixels 0 to 255 that are standard logistic in the space of logits
// take 8 - log2(1 - 2 alpha) bits, each of them and so in the mean; a further transform
// changes nothing, and what knows nothing of steps has no length.
func TestCodeLength(t *testing.T) {
	const dim, rows, alpha = 3, 700, 0.05 // several pieces
	bins, logit := schemas.Transform{Use: "dequantize", State: json.RawMessage(`{"key": "17", "bins": [{"step": 1, "unit": 1}, {"step": 1, "unit": 1}, {"step": 1, "unit": 1}]}`)},
		schemas.Transform{Use: "logit", State: json.RawMessage(`{"alpha": 0.05, "low": [0, 0, 0], "high": [256, 256, 256]}`)}
	scale := schemas.Transform{Use: "standardize", State: json.RawMessage(`{"mean": [1, 2, 3], "sd": [2, 4, 0.5]}`)}
	layout := Layout{Dim: dim, Held: 2}
	mean, sd := []float64{1, 2, 3}, []float64{2, 4, 0.5}
	var loss, scaled float64
	x, y := make([]float32, rows*layout.Width()), make([]float32, rows*layout.Width())
	for r := range rows {
		for i := range dim {
			p := alpha + (1-2*alpha)*float64((r*7+i*31)%256)/256 + (1-2*alpha)/512
			z := math.Log(p) - math.Log(1-p)
			x[r*layout.Width()+i], y[r*layout.Width()+i] = float32(z), float32((z-mean[i])/sd[i])
			l := z + 2*math.Log1p(math.Exp(-z))
			loss, scaled = loss+l/rows, scaled+(l-math.Log(sd[i]))/rows
		}
	}
	want := 8 - math.Log2(1-2*alpha)
	for name, c := range map[string]struct {
		x    []float32
		loss float64
		by   []schemas.Transform
	}{
		"logit":           {x, loss, []schemas.Transform{bins, logit}},
		"logit and scale": {y, scaled, []schemas.Transform{bins, logit, scale}},
	} {
		l, err := newCodeLength(c.x, rows, layout, c.by, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.of(c.loss); math.Abs(got-want) > 1e-6 {
			t.Errorf("%s: %v bits per dimension, want %v", name, got, want)
		}
	}
	if l, err := newCodeLength(x, rows, layout, []schemas.Transform{logit, scale}, nil); l != nil || err != nil {
		t.Errorf("continuous values have a length: %v, %v", l, err)
	}
}
