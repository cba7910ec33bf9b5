package conform

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

func validateCases() []Case {
	return []Case{
		{ID: "validate/accepts", Kind: "*", run: acceptsOwn,
			Sentence: "A plugin accepts the configuration that its own example or defaults give, and says the same when it is asked again."},
		{ID: "validate/unknown-key", Kind: "*", run: refusesUnknownKey,
			Sentence: "A key that the configuration does not have is refused, and the path of the diagnostic names it."},
		{ID: "validate/wrong-type", Kind: "*", run: refusesWrongType,
			Sentence: "A value of another type than its key's is refused, and the path of the diagnostic names the key."},
		{ID: "validate/not-json", Kind: "*", run: refusesGarbage,
			Sentence: "A configuration that is not JSON, or not an object, is refused with a diagnostic; the plugin lives on."},
		{ID: "validate/unknown-use", run: refusesUnknownUse,
			Sentence: "A kind or a name that the plugin does not have is refused with a diagnostic, by Validate and by open."},
	}
}

func (s *subject) validate(ctx context.Context, kind, use string, config []byte) (*pluginpb.ValidateResponse, error) {
	p, err := s.plugin(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	out, err := p.Client().Validate(ctx, &pluginpb.ValidateRequest{Kind: kind, Use: use, Config: config})
	if err != nil {
		return nil, fmt.Errorf("the call Validate of %.200s is not answered: %w", config, p.Explain(err))
	}
	for _, d := range out.GetDiagnostics() {
		if d.GetMessage() == "" || d.GetReason() == "" {
			return nil, fmt.Errorf("a diagnostic has no message or no reason: %v", d)
		}
	}
	return out, nil
}

func acceptsOwn(ctx context.Context, s *subject, i *implementation) error {
	if i.configErr != nil {
		return i.configErr
	}
	first, err := s.validate(ctx, i.kind, i.name, i.config)
	if err != nil {
		return err
	}
	if len(first.GetDiagnostics()) > 0 {
		return fmt.Errorf("it refuses %s: %v", i.config, first.GetDiagnostics()[0])
	}
	again, err := s.validate(ctx, i.kind, i.name, i.config)
	if err != nil {
		return err
	}
	if !proto.Equal(first, again) {
		return fmt.Errorf("asked twice about %s it says %v, then %v", i.config, first, again)
	}
	return nil
}

// refuses expects a diagnostic at a key; "" is any place.
func (s *subject) refuses(ctx context.Context, i *implementation, config []byte, key string) error {
	out, err := s.validate(ctx, i.kind, i.name, config)
	if err != nil {
		return err
	}
	if len(out.GetDiagnostics()) == 0 {
		return fmt.Errorf("it accepts %s", config)
	}
	again, err := s.validate(ctx, i.kind, i.name, config)
	if err != nil {
		return err
	}
	if !proto.Equal(out, again) {
		return fmt.Errorf("asked twice about %s it says %v, then %v", config, out, again)
	}
	var paths []string
	for _, d := range out.GetDiagnostics() {
		if key == "" || d.GetPath() == key || strings.HasPrefix(d.GetPath(), key+".") || strings.HasPrefix(d.GetPath(), key+"[") {
			return nil
		}
		paths = append(paths, fmt.Sprintf("%q (%s)", d.GetPath(), d.GetMessage()))
	}
	return fmt.Errorf("it refuses %s, and no diagnostic has the path %q: %s", config, key, strings.Join(paths, ", "))
}

// edited is the configuration with one key set.
func (i *implementation) edited(key string, value any) ([]byte, error) {
	if i.configErr != nil {
		return nil, i.configErr
	}
	m := map[string]any{}
	if err := json.Unmarshal(i.config, &m); err != nil {
		return nil, err
	}
	m[key] = value
	return json.Marshal(m)
}

func refusesUnknownKey(ctx context.Context, s *subject, i *implementation) error {
	config, err := i.edited("no_such_key", 1)
	if err != nil {
		return err
	}
	return s.refuses(ctx, i, config, "no_such_key")
}

// wrongValue is a value that a key cannot take, or nil where every value fits.
func wrongValue(s *pipeline.Schema) any {
	switch s.Type {
	case "string", "duration", "size":
		return map[string]any{"not": "a text"}
	case "integer", "number", "boolean":
		return "no such value"
	case "array", "map":
		return true
	case "object":
		if s.Use {
			return true
		}
		return "no mapping"
	}
	return nil
}

func refusesWrongType(ctx context.Context, s *subject, i *implementation) error {
	if i.configErr != nil {
		return i.configErr
	}
	tried := 0
	for _, f := range i.schema.Fields {
		v := wrongValue(f)
		if v == nil {
			continue
		}
		config, err := i.edited(f.Key, v)
		if err != nil {
			return err
		}
		if err := s.refuses(ctx, i, config, f.Key); err != nil {
			return err
		}
		tried++
	}
	if tried == 0 {
		return skipf("nothing is configured")
	}
	return nil
}

func refusesGarbage(ctx context.Context, s *subject, i *implementation) error {
	for _, config := range []string{"{", "[]", "\"text\"", "\x00\xff\xfe", `{"a":1}{`, strings.Repeat("[", 100_000)} {
		if err := s.refuses(ctx, i, []byte(config), ""); err != nil {
			return fmt.Errorf("%.80s", err)
		}
	}
	return nil
}

func refusesUnknownUse(ctx context.Context, s *subject, _ *implementation) error {
	kind := "path"
	if len(s.implementations) > 0 {
		kind = s.implementations[0].kind
	}
	for _, c := range [][2]string{{kind, "no-such-implementation"}, {"no-such-kind", "x"}, {"", ""}} {
		out, err := s.validate(ctx, c[0], c[1], []byte("{}"))
		if err != nil {
			return err
		}
		if len(out.GetDiagnostics()) == 0 {
			return fmt.Errorf("the call Validate accepts kind %q, use %q", c[0], c[1])
		}
		t, err := s.dial(ctx)
		if err != nil {
			return err
		}
		f, err := t.open(&pluginpb.Open{Kind: c[0], Use: c[1], Config: []byte("{}")})
		t.hangUp()
		if err != nil {
			return fmt.Errorf("open of kind %q, use %q is not answered with a fault: %w", c[0], c[1], err)
		}
		if len(f.GetFault().GetDiagnostics()) == 0 {
			return fmt.Errorf("open of kind %q, use %q is answered with %v, not with a fault", c[0], c[1], f)
		}
	}
	return nil
}
