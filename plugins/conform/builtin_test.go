package conform

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/pathline/pathline/stages/writer"
)

// The built-in stages, in a process of their own, pass what strangers must pass.
func TestBuiltins(t *testing.T) {
	dir := t.TempDir()
	for _, format := range []string{"parquet", "arrow"} {
		w, _ := writer.New(format, nil)
		if _, err := w.Write(t.Context(), filepath.Join(dir, "toy."+format), toy(6, 3000, toyMean, toyStd)); err != nil {
			t.Fatal(err)
		}
	}
	target := Target{Command: command("builtin"), Dir: dir, Configs: map[string]json.RawMessage{
		"loader/parquet": json.RawMessage(`{"path":"toy.parquet","split":{"train":0.7,"test":0.3}}`),
		"loader/arrow":   json.RawMessage(`{"path":"toy.arrow"}`),
		"model/gmm":      json.RawMessage(`{"weights":[0.3,0.7],"means":[[-1,0],[1,0.5]],"std":[0.6,0.5]}`),
		"model/mlp":      json.RawMessage(`{"hidden":[16,16],"activation":"silu"}`),
		"model/resmlp":   json.RawMessage(`{"width":16,"blocks":2}`),
		"model/ffjord":   json.RawMessage(`{"hidden":[16,16]}`),
		"model/nice":     json.RawMessage(`{"transforms":2,"hidden":[8]}`),
		"model/realnvp":  json.RawMessage(`{"transforms":2,"hidden":[8],"activation":"tanh","actnorm":true}`),
		"model/glow":     json.RawMessage(`{"shape":[4,4],"levels":1,"steps":2,"hidden":[8]}`),
		"model/maf":      json.RawMessage(`{"transforms":2,"hidden":[8],"activation":"tanh","base":"mixture","components":2}`),
		"model/iaf":      json.RawMessage(`{"transforms":2,"hidden":[8],"activation":"tanh"}`),
		"model/nsf":      json.RawMessage(`{"transforms":2,"hidden":[8],"activation":"tanh"}`),
		"model/planar":   json.RawMessage(`{"transforms":3}`),
	}}
	o := Options{Chaos: true, Only: only()}
	if testing.Short() {
		o.Kinds = []string{"path", "coupling"}
	}
	Test(t, target, o)
}

// only is a list of cases for a look at a few of them.
func only() []string {
	if id := os.Getenv("CONFORM_ONLY"); id != "" {
		return filepath.SplitList(id)
	}
	return nil
}
