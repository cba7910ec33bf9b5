package pipeline

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/pathline/pathline/schemas"
)

// A configuration that did not come from a file is refused as one that did: a
// text where a number is due has no line to point at.
func TestResolveRefusesWithoutAFile(t *testing.T) {
	type config struct {
		Number float64        `yaml:"number" json:"number"`
		Whole  int            `yaml:"whole" json:"whole"`
		Switch bool           `yaml:"switch" json:"switch"`
		Text   string         `yaml:"text" json:"text"`
		List   []int          `yaml:"list" json:"list"`
		Map    map[string]int `yaml:"map" json:"map"`
		Time   Duration       `yaml:"time" json:"time"`
		Size   Size           `yaml:"size" json:"size"`
	}
	s, err := SchemaOf(config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"number", "whole", "switch", "text", "list", "map", "time", "size"} {
		for _, value := range []string{`"no such value"`, `"7"`, `"[1, x"`, `[[]]`, `{"a": "b"}`, `true`, `1e400`} {
			_, err := s.Resolve(json.RawMessage(`{"` + key + `": ` + value + `}`))
			var e *schemas.Error
			if err != nil && !errors.As(err, &e) {
				t.Errorf("%s: %s: %v", key, value, err)
			}
		}
		bad := map[string]string{"text": "[1]", "map": "true"}[key]
		if bad == "" {
			bad = `"no such value"`
		}
		_, err := s.Resolve(json.RawMessage(`{"` + key + `": ` + bad + `}`))
		var e *schemas.Error
		if !errors.As(err, &e) || e.Path != key {
			t.Errorf("%s: %s is refused with %v", key, bad, err)
		}
	}
}
