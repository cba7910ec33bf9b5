package plugins

import (
	"io"
	"math"
	"path/filepath"
	"strings"
	"testing"
)

// flowInPython trains the discrete flow of a plugin, draws from it and scores rows.
const flowInPython = `version: 1
name: discrete-in-python
seed: 11
stages:
  data: {kind: loader, use: generate, with: {name: moons, rows: 1000, split: {train: 0.6, valid: 0.2, test: 0.2}CONDITIONS}}
  scaled: {kind: transform, use: standardize, from: {data: data}}
  field: {kind: model, use: py/coupling-flow}
  train: {kind: trainer, use: mle, from: {data: scaled.train, valid: scaled.valid, model: field}, with: {steps: 150, batch: 256, optimizer: {use: adam, lr: 1e-2}}}
  samples: {kind: sampler, use: ode, from: {flow: trainGIVEN}, with: {ROWSlog_prob: true}, to: {use: arrow}}
  scores: {kind: likelihood, use: ode, from: {flow: train, data: data.test}, to: {use: arrow}}
`

// The trainer mle, a sampler and a likelihood take the flow of a plugin as they take
// one that is built in, isolated or not: the same bits, and training learned
// something.
func TestPythonFlow(t *testing.T) {
	plain := strings.NewReplacer("CONDITIONS", "", "GIVEN", "", "ROWS", "rows: 200, ").Replace(flowInPython)
	given := strings.NewReplacer("CONDITIONS", ", conditions: [y]", "GIVEN", ", cond: data.test", "ROWS", "").Replace(flowInPython)
	for name, text := range map[string]string{"alone": plain, "conditional": given} {
		t.Run(name, func(t *testing.T) {
			var want string
			for _, kinds := range [][]string{nil, {"trainer", "sampler", "likelihood"}} {
				r, h := withPython(t, "examples/python/coupling_flow.py", io.Discard)
				if kinds != nil {
					if err := h.Isolate(r, kinds, command("builtin")...); err != nil {
						t.Fatal(err)
					}
				}
				dir, err := runWith(t, text, r)
				if err != nil {
					t.Fatal(err)
				}
				if want == "" {
					want = dir
				} else {
					for _, f := range []string{"samples.arrow", "scores.arrow"} {
						if d := apartBy(t, numbersIn(t, filepath.Join(dir, f)), numbersIn(t, filepath.Join(want, f))); d != 0 {
							t.Errorf("with %v isolated %s differs by %g", kinds, f, d)
						}
					}
				}
				if name != "alone" {
					continue
				}
				got, gaussian := nats(numbersIn(t, filepath.Join(dir, "scores.arrow")))
				t.Logf("held-out rows have %.3f nats, %.3f under the normal density of their moments", got, gaussian)
				if !(got < gaussian-0.1) {
					t.Errorf("held-out rows have %.3f nats, and %.3f under the normal density of their moments", got, gaussian)
				}
			}
		})
	}
}

// nats are the mean of -log_prob of rows (x, y, log_prob), and the entropy of the
// normal distribution with the moments of x and y.
func nats(rows []float64) (mean, gaussian float64) {
	n := float64(len(rows) / 3)
	var m [2]float64
	var c [3]float64
	for i := 0; i < len(rows); i += 3 {
		m[0], m[1], mean = m[0]+rows[i]/n, m[1]+rows[i+1]/n, mean-rows[i+2]/n
	}
	for i := 0; i < len(rows); i += 3 {
		x, y := rows[i]-m[0], rows[i+1]-m[1]
		c[0], c[1], c[2] = c[0]+x*x/n, c[1]+y*y/n, c[2]+x*y/n
	}
	return mean, math.Log(2*math.Pi*math.E) + math.Log(c[0]*c[1]-c[2]*c[2])/2
}
