package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/pathline/pathline/schemas"
)

// fuzzRegistry is small and does nothing: the framework is what is tried.
func fuzzRegistry() *Registry {
	type config struct {
		Rows  int                `yaml:"rows" json:"rows" min:"1" doc:"rows"`
		Names []string           `yaml:"names" json:"names,omitempty" enum:"a,b" doc:"names"`
		Split map[string]float64 `yaml:"split" json:"split,omitempty" max:"1" doc:"fractions"`
		Wait  Duration           `yaml:"wait" json:"wait" doc:"time"`
		Size  Size               `yaml:"size" json:"size" doc:"bytes"`
	}
	r := NewRegistry()
	r.AddKind(Kind{Name: "loader", Gives: GivesRows})
	r.AddKind(Kind{Name: "evaluator", Gives: GivesMetrics, Ports: []Port{{Name: "data", Takes: GivesRows}, {Name: "flow", Takes: GivesFlow, Optional: true}}})
	for _, kind := range []string{"loader", "evaluator"} {
		Register(r, kind, "x", "", config{Rows: 1}, func(context.Context, Env, config) (Stage, error) { return fuzzStage{}, nil })
	}
	return r
}

type fuzzStage struct{}

func (fuzzStage) Check(context.Context, Inputs) (Outputs, error) {
	return Outputs{Rows: map[string]Rows{"": nil}}, nil
}
func (fuzzStage) Run(context.Context, Inputs) (Outputs, error) { return Outputs{}, nil }

// FuzzLoad: whatever the bytes are, the outcome is a pipeline or errors that
// have a place inside of the file, and never a panic.
func FuzzLoad(f *testing.F) {
	for _, s := range []string{
		"version: 1\nname: t\nstages:\n  a: {kind: loader, use: x, with: {rows: 3, split: {a: 0.5}}}\n  b: {kind: evaluator, use: x, from: {data: a}}\n",
		"version: 1\nname: t\nparams: {n: 3, m: &m {k: [*m]}}\nstages: {a: {kind: loader, use: x, with: {rows: \"${params.n}\"}, to: ../x}}\n",
		"a: &a [*a]\n", "{", "? [a]\n: b\n", "<<: *x\n", "a: !!int x\n", "\t", "%YAML 1.2\n---\n", "'\\x00'", "a: |\n  b\n c", "version: 0x1\nname: ~\nstages: []\nplugins: {p: {command: x}}\n",
		"version: 1\nname: t\nstages:\n  a: {kind: evaluator, use: x, from: {data: a, flow: {file: x}}}\n",
	} {
		f.Add(s, "stages.a.with.rows=3")
	}
	r := fuzzRegistry()
	f.Fuzz(func(t *testing.T, text, set string) {
		root, err := parseNode("fuzz.yaml", []byte(text))
		if err == nil {
			_, err = load(context.Background(), root, "fuzz.yaml", ".", r, LoadOptions{Set: []string{set}})
		}
		lines := len(splitLines([]byte(text)))
		for _, e := range schemas.Errors(err, schemas.Panic) {
			if e.Reason == schemas.Panic || e.Reason == schemas.StageFailed {
				t.Fatalf("%v", e)
			}
			if e.Line > lines {
				t.Fatalf("line %d of %d: %v", e.Line, lines, e)
			}
		}
	})
}

// FuzzInterpolate: replaced texts stay bounded, escapes come back, and what is
// not replaced is an error.
func FuzzInterpolate(f *testing.F) {
	for _, s := range []string{"${params.a}", "x${params.b}y", "$${params.a}", "${env:HOME:-x}", "${", "${}", "$$${params.a}", "${params.a${params.b}}", "${env:A:-${}}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at := position{source: &source{name: "fuzz"}}
		p := &interpolator{env: func(k string) (string, bool) { return "value of " + k, k == "HOME" },
			params: map[string]*node{"a": {scalar: int64(3)}, "b": {scalar: "word"}, "c": {kind: listNode}}}
		n := &node{kind: listNode, items: []*node{{scalar: text, at: at}}}
		p.walk(n, "x")
		out, isText := n.items[0].scalar.(string)
		if len(p.errs) == 0 && isText && !strings.Contains(text, "$${") && strings.Contains(out, "${params.") && !strings.Contains(text, ":-") {
			t.Fatalf("%q became %q without an error", text, out)
		}
		if len(p.errs) == 0 && !strings.Contains(text, "${") && out != text {
			t.Fatalf("%q became %q", text, out)
		}
	})
}

// FuzzSchema: the JSON Schema that a plugin sends is read or refused.
func FuzzSchema(f *testing.F) {
	i, _ := fuzzRegistry().Find("loader", "x")
	f.Add([]byte(i.Config.JSON()), []byte(`{"rows": 2}`))
	f.Add([]byte(`{"type":"object","properties":{"a":{"type":"array","items":{"type":"array"}}}}`), []byte(`{"a":[[1]]}`))
	f.Fuzz(func(t *testing.T, schema, config []byte) {
		s, err := ParseSchema(schema)
		if err != nil {
			return
		}
		full, err := s.Resolve(config)
		if err != nil {
			return
		}
		if !json.Valid(full) {
			t.Fatalf("%s is not JSON", full)
		}
		again, err := s.Resolve(full)
		if err != nil && !errors.Is(err, context.Canceled) || string(again) != string(full) {
			t.Fatalf("resolved once %s, twice %s (%v)", full, again, err)
		}
	})
}
