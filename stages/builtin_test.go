package stages_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/stages"
)

// The schema that editors use is the one of this code.
func TestSchemaFile(t *testing.T) {
	want := pipeline.FileSchema(stages.Builtin())
	have, err := os.ReadFile("../schemas/pipeline.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.TrimSpace(have), bytes.TrimSpace(want)) {
		t.Error("schemas/pipeline.schema.json is not what the configurations give: go run ./host schema > schemas/pipeline.schema.json")
	}
}

// Everything that a user can write has a sentence, and the schema that a
// plugin would send of it reads back as itself.
func TestEveryKeyIsDocumented(t *testing.T) {
	r := stages.Builtin()
	for _, k := range r.Kinds() {
		if k.Doc == "" {
			t.Errorf("kind %s has no sentence", k.Name)
		}
		for _, i := range r.Implementations(k.Name) {
			name := k.Name + "/" + i.Name
			if i.Doc == "" {
				t.Errorf("%s has no sentence", name)
			}
			undocumented(t, name, i.Config)
			var with any
			if err := yaml.Unmarshal([]byte(i.Example), &with); err != nil {
				t.Errorf("%s: the example is not YAML: %v", name, err)
			}
			if raw, _ := json.Marshal(with); with != nil {
				if _, err := i.Config.Resolve(raw); err != nil {
					t.Errorf("%s: the example %s: %v", name, i.Example, err)
				}
			}
			back, err := pipeline.ParseSchema(i.Config.JSON())
			if err != nil || !bytes.Equal(back.JSON(), i.Config.JSON()) {
				t.Errorf("%s: the schema does not read back: %v\n%s\n%s", name, err, i.Config.JSON(), back.JSON())
			}
		}
	}
}

func undocumented(t *testing.T, path string, s *pipeline.Schema) {
	for _, f := range s.Fields {
		if f.Doc == "" {
			t.Errorf("%s.%s has no sentence", path, f.Key)
		}
		undocumented(t, path+"."+f.Key, f)
	}
}

// Defaults that need nothing from a user make a stage.
func TestDefaultsBuild(t *testing.T) {
	r := stages.Builtin()
	built := 0
	for _, k := range r.Kinds() {
		for _, i := range r.Implementations(k.Name) {
			config, err := i.Config.Resolve(json.RawMessage("{}"))
			if err != nil {
				continue // a required key
			}
			if _, err := i.Build(context.Background(), pipeline.Env{Stage: "x", Threads: 1, Emit: func(pipeline.Event) {}}, config); err != nil && k.Name != "model" {
				t.Errorf("%s/%s with its defaults: %v", k.Name, i.Name, err)
			}
			built++
		}
	}
	if built < 20 {
		t.Errorf("only %d implementations have complete defaults", built)
	}
}

func Example() {
	r := stages.Builtin()
	i, _ := r.Find("path", "vp")
	config, _ := i.Config.Resolve(json.RawMessage(`{"beta_max": 10}`))
	fmt.Println(string(config))
	// Output: {"beta_max":10,"beta_min":0.1}
}
