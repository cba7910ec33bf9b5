package conform

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"google.golang.org/protobuf/proto"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/stages"
)

func describeCases() []Case {
	return []Case{
		{ID: "describe/answer", run: describeAnswers,
			Sentence: "The plugin starts, shakes hands and says what it implements, each time within 2 s and the same."},
		{ID: "describe/identity", run: identity,
			Sentence: "A plugin has a name, a version and implementations; each has a known kind, a name without slashes and spaces, a sentence of documentation, and no twin."},
		{ID: "describe/schema", Kind: "*", run: validSchema,
			Sentence: "The schema of a configuration is valid JSON Schema of an object, of the types that a pipeline file has."},
		{ID: "describe/documentation", Kind: "*", run: documented,
			Sentence: "Every key of a configuration has a description."},
		{ID: "describe/defaults", Kind: "*", run: defaultsValidate,
			Sentence: "The defaults of a configuration are values that it accepts."},
		{ID: "describe/example", Kind: "*", run: exampleValidates,
			Sentence: "The example is a mapping of YAML that the schema accepts; an implementation without required keys may leave it out."},
	}
}

func describeAnswers(ctx context.Context, s *subject, _ *implementation) error {
	p, err := s.plugin(ctx)
	if err != nil {
		return err
	}
	for range 3 {
		start := time.Now()
		d, err := p.Client().Describe(ctx, describeRequest())
		if err != nil {
			return p.Explain(err)
		}
		if took := time.Since(start); took > describeWithin {
			return fmt.Errorf("it took %s to answer, and %s are allowed", took.Round(time.Millisecond), describeWithin)
		}
		if !proto.Equal(d, s.description) {
			return fmt.Errorf("asked again it says something else:\n%v\nafter\n%v", d, s.description)
		}
	}
	return nil
}

func identity(_ context.Context, s *subject, _ *implementation) error {
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if s.description.GetName() == "" {
		say("it has no name")
	}
	if s.description.GetVersion() == "" {
		say("it has no version")
	}
	if len(s.implementations) == 0 {
		say("it implements nothing")
	}
	known := map[string]bool{}
	for _, k := range stages.Builtin().Kinds() {
		known[k.Name] = true
	}
	seen := map[string]bool{}
	for _, i := range s.implementations {
		id := i.kind + "/" + i.name
		switch {
		case !known[i.kind]:
			say("%s is of a kind that does not exist", id)
		case i.name == "" || strings.ContainsAny(i.name, "/ \t\n"):
			say("%s has a name that cannot be written in a pipeline file: %q", i.kind, i.name)
		case seen[id]:
			say("%s is there twice", id)
		}
		if seen[id] = true; strings.TrimSpace(i.GetDoc()) == "" {
			say("%s has no documentation", id)
		}
	}
	if wrong != nil {
		return fmt.Errorf("%s", strings.Join(wrong, "\n"))
	}
	return nil
}

// noFetch refuses to load a schema from elsewhere.
type noFetch struct{}

func (noFetch) Load(url string) (any, error) {
	return nil, fmt.Errorf("it refers to %s, and a schema stands alone", url)
}

func validSchema(_ context.Context, _ *subject, i *implementation) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(i.GetConfigSchema()))
	if err != nil {
		return fmt.Errorf("it is not JSON: %w: %.200s", err, i.GetConfigSchema())
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noFetch{})
	if err := c.AddResource("schema.json", doc); err != nil {
		return err
	}
	if _, err := c.Compile("schema.json"); err != nil {
		return fmt.Errorf("it is not JSON Schema: %w", err)
	}
	return i.schemaErr
}

func documented(_ context.Context, _ *subject, i *implementation) error {
	if i.schemaErr != nil {
		return i.schemaErr
	}
	var missing []string
	var walk func(path string, s *pipeline.Schema)
	walk = func(path string, s *pipeline.Schema) {
		for _, f := range s.Fields {
			if strings.TrimSpace(f.Doc) == "" {
				missing = append(missing, path+f.Key)
			}
			walk(path+f.Key+".", f)
		}
	}
	walk("", i.schema)
	if missing != nil {
		return fmt.Errorf("these keys have none: %s", strings.Join(missing, ", "))
	}
	return nil
}

// required are the keys that a user must write.
func (i *implementation) required() (keys []string) {
	for _, f := range i.schema.Fields {
		if f.Required {
			keys = append(keys, f.Key)
		}
	}
	return keys
}

func defaultsValidate(_ context.Context, _ *subject, i *implementation) error {
	if i.schemaErr != nil {
		return i.schemaErr
	}
	config := map[string]any{}
	for _, f := range i.schema.Fields {
		if f.Default != nil {
			config[f.Key] = f.Default
		}
	}
	raw, err := json.Marshal(config)
	if err != nil {
		return err
	}
	partial := *i.schema // required keys are left out here
	partial.Fields = nil
	for _, f := range i.schema.Fields {
		g := *f
		g.Required = false
		partial.Fields = append(partial.Fields, &g)
	}
	if _, err := partial.Resolve(raw); err != nil {
		return fmt.Errorf("the defaults %s: %w", raw, err)
	}
	return nil
}

func exampleValidates(_ context.Context, _ *subject, i *implementation) error {
	if i.schemaErr != nil {
		return i.schemaErr
	}
	if i.GetExample() == "" {
		if keys := i.required(); keys != nil {
			return fmt.Errorf("there is no example, and %s must be written", strings.Join(keys, ", "))
		}
		return nil
	}
	raw, err := exampleJSON(i.GetExample())
	if err != nil {
		return err
	}
	if _, err := i.schema.Resolve(raw); err != nil {
		return fmt.Errorf("the example %s: %w", i.GetExample(), err)
	}
	return nil
}
