package plugins

import (
	"context"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/stages"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/likelihood"
	"github.com/pathline/pathline/stages/sampler"
)

// onlyRegistry has the built-in stages of one kind and nothing else: not even
// what the flows that they open are made of.
func onlyRegistry(kind string) *pipeline.Registry {
	r, from := NewRegistry(), stages.Builtin()
	switch kind {
	case "sampler":
		from = pipeline.NewRegistry()
		sampler.Register(from, flow.Registry{})
	case "likelihood":
		from = pipeline.NewRegistry()
		likelihood.Register(from, flow.Registry{})
	}
	for _, i := range from.Implementations(kind) {
		r.Add(*i)
	}
	return r
}

var useOf = regexp.MustCompile(`kind: (\w+),?\s+use: ([\w-]+)`)

// apart is everyKind with each of the kinds from a plugin of its own.
func apart(kinds []string) string {
	text := useOf.ReplaceAllStringFunc(everyKind, func(s string) string {
		m := useOf.FindStringSubmatch(s)
		if !slices.Contains(kinds, m[1]) {
			return s
		}
		return strings.Replace(s, "use: "+m[2], "use: of-"+m[1]+"/"+m[2], 1)
	})
	declared := "plugins:\n"
	for _, k := range kinds {
		declared += fmt.Sprintf("  of-%s: {command: [PROGRAM, test-plugin, only-%s]}\n", k, k)
		if k == "writer" {
			text = strings.Replace(text, "to: {use: arrow}", "to: {use: of-writer/arrow}", 1)
		}
	}
	return strings.Replace(text, "stages:\n", declared+"stages:\n", 1)
}

func declare(h *Host) func(context.Context, map[string]pipeline.PluginSpec, *pipeline.Registry) error {
	return func(ctx context.Context, declared map[string]pipeline.PluginSpec, r *pipeline.Registry) error {
		for _, name := range slices.Sorted(maps.Keys(declared)) {
			if err := h.Add(ctx, r, name, Plugin{Command: declared[name].Command, Address: declared[name].Address}); err != nil {
				return err
			}
		}
		return nil
	}
}

// Eleven plugins, each with one kind: the trainer of one calls the path, the
// coupling and the model of others, sampler and likelihood open a flow whose
// parts are in plugins that they do not know. What comes is what comes from one
// process, but for the names in the flow.
func TestEveryKindFromAPluginOfItsOwn(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	var kinds []string
	for _, k := range NewRegistry().Kinds() {
		kinds = append(kinds, k.Name)
	}
	want, err := runFile(t, everyKind, 1, func(context.Context, map[string]pipeline.PluginSpec, *pipeline.Registry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	delete(want.files, "train.safetensors")
	for _, c := range []struct {
		name    string
		kinds   []string
		threads int
	}{
		{"all", kinds, 2},
		{"those that train", []string{"trainer", "path", "model"}, 1},
		{"sampler alone", []string{"sampler"}, 1},
		{"sampler and model", []string{"sampler", "likelihood", "model"}, 2},
		{"transform alone", []string{"transform"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHost(t, io.Discard)
			got, err := runFile(t, apart(c.kinds), c.threads, declare(h))
			if err != nil {
				t.Fatal(err)
			}
			delete(got.files, "train.safetensors")
			same(t, "the run", got, want)
		})
	}
}

// thirdRegistry has what is not built in, of every kind that offers a service
// or rows to others, and what does not keep to its contract.
func thirdRegistry() *pipeline.Registry {
	r := NewRegistry()
	return r
}
