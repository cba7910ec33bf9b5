package acceptance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A flow whose parts are in plugins samples and scores without its pipeline, when
// the plugins are named by a file; the data of that file need not be there.
func TestFlowWithPluginsWithoutItsPipeline(t *testing.T) {
	dir := powerFolder(t)
	text := func(name, own string) string {
		return strings.NewReplacer("NAME", name, "OWN", own, "HOST", binary).Replace(`
version: 1
name: NAME
seed: 5
plugins:
  me: {command: [HOST, plugin, serve]}
stages:
  data: {kind: loader, use: parquet, with: {path: data.parquet, columns: [volts, "amps A"]}}
  scaled: {kind: transform, use: OWNstandardize, from: {data: data}}
  path: {kind: path, use: OWNcosine}
  field: {kind: model, use: OWNmlp, with: {hidden: [16]}}
  train: {kind: trainer, use: cfm, from: {data: scaled, path: path, model: field}, with: {steps: 30, batch: 64, target: noise}}
`)
	}
	flow := map[string]string{}
	for name, own := range map[string]string{"here": "", "there": "me/"} {
		place(t, dir, name+".yaml", text(name, own))
		must(t, dir, "run", name+".yaml", "--out", name)
		flow[name] = filepath.Join(name, "train.safetensors")
	}
	must(t, dir, "sample", flow["here"], "--rows", "500", "--out", "here.parquet")
	must(t, dir, "score", flow["here"], "here.parquet", "--out", "here-scored.parquet")

	r := host(t, dir, "sample", flow["there"], "--rows", "5", "--out", "no.parquet")
	if r.code != 2 || !strings.Contains(r.stderr, "me/") || !strings.Contains(r.stderr, "--with-plugins") {
		t.Errorf("without its plugins: exit %d\n%s", r.code, head(r.stderr))
	}
	if err := os.Remove(filepath.Join(dir, "data.parquet")); err != nil {
		t.Fatal(err)
	}
	must(t, dir, "sample", flow["there"], "--with-plugins", "there.yaml", "--rows", "500", "--out", "there.parquet", "--solver", "me/dopri5")
	must(t, dir, "score", flow["there"], "here.parquet", "--with-plugins", "there.yaml", "--out", "there-scored.parquet")
	columns := []string{"volts", "amps A"}
	sameNumbers(t, "samples", readTable(t, dir, "here.parquet"), readTable(t, dir, "there.parquet"), columns...)
	sameNumbers(t, "scores", readTable(t, dir, "here-scored.parquet"), readTable(t, dir, "there-scored.parquet"), append(columns, "log_prob")...)
}
