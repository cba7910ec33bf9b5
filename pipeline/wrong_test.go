package pipeline_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

const head = "version: 1\nname: t\nstages:\n"
const data = "  data: {kind: loader, use: count, with: {rows: 10}}\n"
const good = head + data + "  total: {kind: evaluator, use: sum, from: {data: data}}\n"

// wrong are files with one mistake each: the reason, the place and a word of
// the message that a reader needs.
var wrong = []struct {
	name, text   string
	reason       schemas.Reason
	line, column int
	says         string
}{
	{"empty file", "", schemas.Syntax, 1, 1, "empty"},
	{"a list", "- a\n- b\n", schemas.WrongType, 1, 1, "mapping"},
	{"not YAML", "version: 1\nname: [t\n", schemas.Syntax, 2, 1, "YAML"},
	{"a tab", "version: 1\nname: t\nstages:\n\tdata: {}\n", schemas.Syntax, 4, 2, "spaces"},
	{"two documents", good + "---\nversion: 1\n", schemas.Syntax, 6, 1, "one document"},
	{"a foreign tag", "version: !!python/object 1\nname: t\nstages: {a: {kind: loader, use: count, with: {rows: 1}}}\n", schemas.Syntax, 1, 10, "tag"},
	{"no version", "name: t\nstages:\n" + data, schemas.MissingKey, 1, 1, "version"},
	{"version 2", strings.Replace(good, "version: 1", "version: 2", 1), schemas.Version, 1, 10, "version 2"},
	{"version as text", strings.Replace(good, "version: 1", `version: "1"`, 1), schemas.WrongType, 1, 10, "quotes"},
	{"name with capitals", strings.Replace(good, "name: t", "name: Power", 1), schemas.WrongType, 2, 7, "lower-case"},
	{"seed below zero", strings.Replace(good, "stages:", "seed: -1\nstages:", 1), schemas.OutOfRange, 3, 7, "at least 0"},
	{"unknown key at the top", strings.Replace(good, "stages:", "sede: 1\nstages:", 1), schemas.UnknownKey, 3, 1, `"seed"`},
	{"no stages", "version: 1\nname: t\nstages: {}\n", schemas.MissingKey, 3, 9, "no stages"},
	{"stage is a text", head + "  data: hello\n", schemas.WrongType, 4, 9, "mapping"},
	{"stage name with a dot", head + "  a.b: {kind: loader, use: count, with: {rows: 1}}\n", schemas.WrongType, 4, 3, "stage name"},
	{"the same stage twice", head + data + data, schemas.DuplicateKey, 5, 3, "second time"},
	{"unknown kind", head + "  data: {kind: loder, use: count}\n", schemas.UnknownKind, 4, 16, `"loader"`},
	{"no kind", head + "  data: {use: count, with: {rows: 1}}\n", schemas.MissingKey, 4, 9, "kind"},
	{"unknown implementation", head + "  data: {kind: loader, use: cuont, with: {rows: 1}}\n", schemas.UnknownUse, 4, 29, `"count"`},
	{"unknown plugin", head + "  data: {kind: loader, use: sine/count, with: {rows: 1}}\n", schemas.UnknownUse, 4, 29, "plugins:"},
	{"unknown key of a stage", head + "  data: {kind: loader, use: count, wiht: {rows: 1}, with: {rows: 1}}\n", schemas.UnknownKey, 4, 36, "unknown key"},
	{"unknown key of a configuration", head + "  data: {kind: loader, use: count, with: {rows: 1, lable: red}}\n", schemas.UnknownKey, 4, 52, `"label"`},
	{"missing key", head + "  data: {kind: loader, use: count}\n", schemas.MissingKey, 4, 3, "rows"},
	{"text for a number", head + "  data: {kind: loader, use: count, with: {rows: many}}\n", schemas.WrongType, 4, 49, "whole number"},
	{"fraction for a whole number", head + "  data: {kind: loader, use: count, with: {rows: 1.5}}\n", schemas.WrongType, 4, 49, "whole number"},
	{"number for a text", head + "  data: {kind: loader, use: count, with: {rows: 1, label: 5}}\n", schemas.WrongType, 4, 59, "text"},
	{"too small", head + "  data: {kind: loader, use: count, with: {rows: 0}}\n", schemas.OutOfRange, 4, 49, "at least 1"},
	{"not one of the words", head + "  data: {kind: loader, use: count, with: {rows: 1, label: gren}}\n", schemas.UnknownValue, 4, 59, `"green"`},
	{"map value out of range", head + "  data: {kind: loader, use: count, with: {rows: 1, split: {a: 1.5}}}\n", schemas.OutOfRange, 4, 63, "at most 1"},
	{"element out of range", good + "  b: {kind: evaluator, use: sum, from: {data: data}, with: {times: [0, 2]}}\n", schemas.OutOfRange, 6, 72, "at most 1"},
	{"a scalar for a list", good + "  b: {kind: evaluator, use: sum, from: {data: data}, with: {times: 0.5}}\n", schemas.WrongType, 6, 68, "[0.5]"},
	{"not a duration", good + "  b: {kind: evaluator, use: sum, from: {data: data}, with: {wait: soon}}\n", schemas.WrongType, 6, 67, "30s"},
	{"not a size", good + "  b: {kind: evaluator, use: sum, from: {data: data}, with: {budget: big}}\n", schemas.WrongType, 6, 69, "512MiB"},
	{"not a finite number", good + "  b: {kind: evaluator, use: sum, from: {data: data}, with: {optimizer: {use: adam, lr: .nan}}}\n", schemas.OutOfRange, 6, 88, "finite"},
	{"unknown choice", good + "  b: {kind: evaluator, use: sum, from: {data: data}, with: {optimizer: adan}}\n", schemas.UnknownValue, 6, 72, `"adam"`},
	{"a stage's own check", head + "  data: {kind: loader, use: count, with: {rows: 13}}\n", schemas.OutOfRange, 4, 49, "thirteen"},
	{"unknown port", good + "  b: {kind: evaluator, use: sum, from: {data: data, dta: data}}\n", schemas.UnknownPort, 6, 53, "input"},
	{"port of the kind that an implementation does not have", good + "  b: {kind: evaluator, use: steps, from: {rows: data, data: data}}\n", schemas.UnknownPort, 6, 55, "evaluator/steps has no input"},
	{"port that another implementation has", good + "  b: {kind: evaluator, use: sum, from: {data: data, rows: data}}\n", schemas.UnknownPort, 6, 53, "its inputs are data"},
	{"own port not joined", good + "  b: {kind: evaluator, use: steps}\n", schemas.MissingPort, 6, 3, "rows"},
	{"unknown implementation with a port of another", good + "  b: {kind: evaluator, use: step, from: {rows: data, data: data}}\n", schemas.UnknownUse, 6, 29, `"steps"`},
	{"port not joined", head + data + "  b: {kind: evaluator, use: sum}\n", schemas.MissingPort, 5, 3, "data"},
	{"unknown stage", head + data + "  b: {kind: evaluator, use: sum, from: {data: dat}}\n", schemas.UnknownStage, 5, 47, `"data"`},
	{"unknown split", head + data + "  b: {kind: evaluator, use: sum, from: {data: data.test}}\n", schemas.UnknownSplit, 5, 47, "split"},
	{"bad reference", head + data + "  b: {kind: evaluator, use: sum, from: {data: data.a.b}}\n", schemas.BadReference, 5, 47, "stage.split"},
	{"wrong kind for a port", head + data + "  b: {kind: sampler, use: slow, from: {data: data, solver: data}}\n", schemas.WrongPort, 5, 60, "solver"},
	{"metrics for rows", good + "  b: {kind: evaluator, use: sum, from: {data: total}}\n", schemas.WrongPort, 6, 47, "rows"},
	{"a circle", head + "  a: {kind: transform, use: double, from: {data: b}}\n  b: {kind: transform, use: double, from: {data: a}}\n", schemas.Cycle, 4, 3, "a -> b -> a"},
	{"absolute output", head + "  data: {kind: loader, use: count, with: {rows: 1}, to: /tmp/x.parquet}\n", schemas.OutputPath, 4, 57, "--out"},
	{"output outside", head + "  data: {kind: loader, use: count, with: {rows: 1}, to: ../x.parquet}\n", schemas.OutputPath, 4, 57, "output folder"},
	{"output of unknown ending", head + "  data: {kind: loader, use: count, with: {rows: 1}, to: x.xls}\n", schemas.OutputPath, 4, 57, ".csv"},
	{"output of a stage without rows", head + data + "  b: {kind: evaluator, use: sum, from: {data: data}, to: x.csv}\n", schemas.WrongPort, 5, 58, "no rows"},
	{"two stages, one file", head + "  a: {kind: loader, use: count, with: {rows: 1}, to: x.csv}\n  b: {kind: loader, use: count, with: {rows: 1}, to: x.csv}\n", schemas.Conflict, 5, 54, "both write"},
	{"unknown parameter", "version: 1\nname: t\nparams: {steps: 5}\nstages:\n  data: {kind: loader, use: count, with: {rows: \"${params.step}\"}}\n", schemas.UnknownParam, 5, 49, `"steps"`},
	{"parameter of the wrong type", "version: 1\nname: t\nparams: {n: lots}\nstages:\n  data: {kind: loader, use: count, with: {rows: \"${params.n}\"}}\n", schemas.WrongType, 5, 49, "whole number"},
	{"missing variable", head + "  data: {kind: loader, use: count, with: {rows: \"${env:PATHLINE_NOT_SET}\"}}\n", schemas.MissingEnv, 4, 49, ":-default"},
	{"unknown reference", head + "  data: {kind: loader, use: count, with: {rows: \"${rows}\"}}\n", schemas.BadReference, 4, 49, "params.NAME"},
	{"open reference", head + "  data: {kind: loader, use: count, with: {rows: \"${params.x\"}}\n", schemas.BadReference, 4, 49, "closing brace"},
	{"plugin without a command", strings.Replace(good, "stages:", "plugins: {p: {env: {A: b}}}\nstages:", 1), schemas.Conflict, 3, 11, "command"},
}

func load(t *testing.T, text string, set ...string) (*pipeline.Pipeline, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pipeline.yaml")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return pipeline.Load(context.Background(), file, newFakes().Registry, pipeline.LoadOptions{Set: set})
}

func TestWrongFiles(t *testing.T) {
	if _, err := load(t, good); err != nil {
		t.Fatalf("the file that the others are made of: %v", err)
	}
	if _, err := load(t, head+data+"  b: {kind: evaluator, use: steps, from: {rows: data}}\n"); err != nil {
		t.Errorf("inputs of an implementation of its own: %v", err)
	}
	for _, c := range wrong {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, c.text)
			errs := schemas.Errors(err, schemas.Panic)
			if len(errs) != 1 {
				t.Fatalf("want one error, got %d: %v", len(errs), err)
			}
			e := errs[0]
			if e.Reason != c.reason || e.Line != c.line || e.Column != c.column || !strings.Contains(e.Error(), c.says) {
				t.Errorf("got %s at %d:%d\n%v\nwant %s at %d:%d, saying %q", e.Reason, e.Line, e.Column, e, c.reason, c.line, c.column, c.says)
			}
			if c.name == "a stage's own check" && e.Path != "stages.data.with.rows" {
				t.Errorf("path %s", e.Path)
			}
			if e.Reason.Exit() != schemas.ExitUsage {
				t.Errorf("exit code %d", e.Reason.Exit())
			}
		})
	}
}

// A plugin that cannot be used is one error, not one more for every stage that
// uses it.
func TestPluginThatCannotBeUsed(t *testing.T) {
	const stages = "  a: {kind: loader, use: mine/rows}\n  b: {kind: loader, use: mine}\n  c: {kind: loader, use: count, with: {rows: 1}, to: {use: mine/store}}\n  d: {kind: loader, use: other/rows}\n"
	for name, c := range map[string]struct {
		plugin string
		other  int // errors of stages of the other plugin
		line   int
	}{
		"does not start": {"{command: [x]}", 1, 4},
		"both":           {"{command: [x], address: y}", 0, 4},
		"wrong key":      {"{comand: [x]}", 0, 4},
	} {
		file := filepath.Join(t.TempDir(), "p.yaml")
		text := "version: 1\nname: t\nplugins:\n  mine: " + c.plugin + "\n  other: {command: [y]}\nstages:\n" + stages
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := pipeline.Load(t.Context(), file, newFakes().Registry, pipeline.LoadOptions{Plugins: func(context.Context, string, map[string]pipeline.PluginSpec, *pipeline.Registry) error {
			return schemas.Errorf(schemas.PluginStart, "no").At("mine.command")
		}})
		errs := schemas.Errors(err, schemas.Panic)
		mine, other := 0, 0
		for _, e := range errs {
			switch {
			case strings.HasPrefix(e.Path, "plugins.mine") && e.Line == c.line:
				mine++
			case e.Reason == schemas.UnknownUse && strings.Contains(e.Message, "other/rows"):
				other++
			default:
				t.Errorf("%s: %v", name, e)
			}
		}
		if mine == 0 || other != c.other {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAllErrorsAtOnce(t *testing.T) {
	_, err := load(t, `version: 1
name: t
stages:
  data: {kind: loader, use: count, with: {rows: 0}}
  b: {kind: evaluator, use: smu, from: {data: data}}
  c: {kind: evaluator, use: sum, from: {data: nowhere}, with: {stepz: 3}}
`)
	var got []string
	for _, e := range schemas.Errors(err, schemas.Panic) {
		got = append(got, fmt.Sprintf("%d:%d %s", e.Line, e.Column, e.Reason))
	}
	want := "4:49 out_of_range, 5:29 unknown_use, 6:47 unknown_stage, 6:64 unknown_key"
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
}

// A wrong split is found although the stage that gives the splits is wrong too.
func TestSplitsOfWrongStages(t *testing.T) {
	_, err := load(t, head+"  data: {kind: loader, use: count, with: {rows: 13, split: {train: 0.5}}}\n  b: {kind: transform, use: double, from: {data: data}}\n  c: {kind: evaluator, use: sum, from: {data: b.trian}}\n  d: {kind: evaluator, use: sum, from: {data: b.train}}\n")
	errs := schemas.Errors(err, schemas.Panic)
	if len(errs) != 2 || errs[1].Reason != schemas.UnknownSplit || errs[1].Line != 6 || !strings.Contains(errs[1].Error(), `"train"`) {
		t.Errorf("got %v", err)
	}
}

func TestHostileFiles(t *testing.T) {
	laughs := "version: 1\nname: t\nparams:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 12; i++ {
		laughs += fmt.Sprintf("  a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	for name, text := range map[string]string{
		"billion laughs":  laughs,
		"deep nesting":    "a: " + strings.Repeat("[", 100_000),
		"deep and closed": "a: " + strings.Repeat("[", 5_000) + strings.Repeat("]", 5_000),
		"long line":       "version: 1\nname: " + strings.Repeat("x", 5<<20),
		"binary":          "version: \xff\xfe\x00",
		"self reference":  "a: &a [*a]\n",
		"many keys":       strings.Repeat("? ", 10_000),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, text)
			errs := schemas.Errors(err, schemas.Panic)
			if len(errs) == 0 || errs[0].Reason == schemas.Panic {
				t.Fatalf("got %v", err)
			}
			if len(err.Error()) > 10_000 {
				t.Errorf("the message has %d bytes", len(err.Error()))
			}
		})
	}
}
