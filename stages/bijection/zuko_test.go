package bijection_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/bijection"
)

// TestZuko: with the same weights, log-densities and samples are those of zuko
// (testdata/export_zuko.py wrote them, in float64), without and with conditions.
func TestZuko(t *testing.T) {
	text, err := os.ReadFile("testdata/zuko.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Model   string               `json:"model"`
			Config  json.RawMessage      `json:"config"`
			Dim     int                  `json:"dim"`
			Held    int                  `json:"held"`
			Weights map[string][]float32 `json:"weights"`
			X       []float64            `json:"x"`
			LogProb []float64            `json:"log_prob"`
			Z       []float64            `json:"z"`
			Sample  []float64            `json:"sample"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) != 8 {
		t.Fatalf("%d cases", len(file.Cases))
	}
	for _, c := range file.Cases {
		t.Run(fmt.Sprintf("%s, %d conditions", c.Model, c.Held), func(t *testing.T) {
			def, err := bijection.Builtin()[c.Model](c.Config)
			if err != nil {
				t.Fatal(err)
			}
			n, err := bijection.Build(def, c.Dim, c.Held)
			if err != nil {
				t.Fatal(err)
			}
			if len(n.Tensors()) != len(c.Weights) {
				t.Fatalf("%d tensors, zuko has %d", len(n.Tensors()), len(c.Weights))
			}
			for _, w := range n.Tensors() {
				if copy(w.Data, c.Weights[w.Name]) != len(c.Weights[w.Name]) || len(w.Data) != len(c.Weights[w.Name]) {
					t.Fatalf("%s has %d elements, zuko's %d", w.Name, len(w.Data), len(c.Weights[w.Name]))
				}
			}
			n.Changed(nil)
			rows := len(c.LogProb)
			near := func(what string, got, want []float64, tolerance float64) {
				for i := range want {
					if !(math.Abs(got[i]-want[i]) < tolerance*(1+math.Abs(want[i]))) {
						t.Errorf("%s %d: %v, zuko's %v", what, i, got[i], want[i])
					}
				}
			}
			score := func(z, logdet []float64) []float64 {
				p := make([]float64, rows)
				bare := make([]float64, 0, rows*c.Dim)
				for row := range slices.Chunk(z, c.Dim+c.Held) {
					bare = append(bare, row[:c.Dim]...)
				}
				n.Base().LogProb(p, bare, rows)
				for r := range p {
					p[r] += logdet[r]
				}
				return p
			}
			// In float64 the two are one formula; in float32 they agree to 1e-5.
			f := n.(*bijection.Network).Float64()
			z, x, logdet := make([]float64, len(c.X)), make([]float64, len(c.X)), make([]float64, rows)
			if err := f.Normalize(t.Context(), z, c.X, logdet, rows); err != nil {
				t.Fatal(err)
			}
			near("log-density in float64, row", score(z, logdet), c.LogProb, 1e-12)
			if err := f.Generate(t.Context(), x, c.Z, nil, rows); err != nil {
				t.Fatal(err)
			}
			near("sample in float64, number", x, c.Sample, 1e-11)

			x32, out := make([]float32, len(c.X)), make([]float32, len(c.X))
			into := func(v []float64) []float32 {
				for i := range v {
					x32[i] = float32(v[i])
				}
				return x32
			}
			wide := func() []float64 {
				w := make([]float64, len(out))
				for i := range w {
					w[i] = float64(out[i])
				}
				return w
			}
			clear(logdet)
			if err := n.Normalize(t.Context(), out, into(c.X), logdet, rows); err != nil {
				t.Fatal(err)
			}
			near("log-density, row", score(wide(), logdet), c.LogProb, 1e-5)
			if err := n.Generate(t.Context(), out, into(c.Z), nil, rows); err != nil {
				t.Fatal(err)
			}
			near("sample, number", wide(), c.Sample, 1e-5)
		})
	}
}
