package pipeline

import (
	"encoding/json"
	"fmt"

	"github.com/pathline/pathline/schemas"
)

const (
	durationPattern = `^([0-9.]+(ns|us|µs|ms|s|m|h))+$`
	sizePatternJSON = `^[0-9]+(\.[0-9]+)?\s*([kKMGT]i?)?[bB]?$`
)

// JSON writes the schema as JSON Schema 2020-12, for editors and for the
// Describe message of plugins.
func (s *Schema) JSON() json.RawMessage {
	raw, err := json.Marshal(s.jsonSchema())
	if err != nil {
		panic("pipeline: a schema does not marshal")
	}
	return raw
}

func (s *Schema) jsonSchema() map[string]any {
	m := map[string]any{}
	if s.Doc != "" {
		m["description"] = s.Doc
	}
	switch s.Type {
	case "object":
		properties, required, order := map[string]any{}, []string{}, []string{}
		for _, f := range s.Fields {
			properties[f.Key] = f.jsonSchema()
			order = append(order, f.Key)
			if f.Required {
				required = append(required, f.Key)
			}
		}
		m["type"], m["properties"], m["additionalProperties"] = "object", properties, false
		if len(order) > 0 {
			m["x-order"] = order
		}
		if len(required) > 0 {
			m["required"] = required
		}
		if s.Use {
			doc := m["description"]
			delete(m, "description")
			m = map[string]any{"anyOf": []any{s.Field("use").jsonSchema(), m}}
			if doc != nil {
				m["description"] = doc
			}
		}
	case "array":
		m["type"], m["items"] = "array", s.Elem.jsonSchema()
	case "map":
		m["type"], m["additionalProperties"] = "object", s.Elem.jsonSchema()
	case "duration":
		m["type"], m["pattern"], m["x-type"] = []string{"string", "number"}, durationPattern, "duration"
	case "size":
		m["type"], m["pattern"], m["x-type"] = []string{"string", "integer"}, sizePatternJSON, "size"
	case "any":
	default:
		m["type"] = s.Type
	}
	if s.Enum != nil {
		m["enum"] = s.Enum
	}
	for key, v := range map[string]*float64{"minimum": s.Min, "maximum": s.Max, "exclusiveMinimum": s.Above, "exclusiveMaximum": s.Below} {
		if v != nil {
			m[key] = *v
		}
	}
	if s.Default != nil {
		m["default"] = s.Default
	}
	return m
}

// ParseSchema reads the JSON Schema of a configuration that a plugin
// describes: the part of the language that JSON writes. Anything beyond it is
// an error, so that nothing is silently not checked.
func ParseSchema(raw json.RawMessage) (*Schema, error) {
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, schemas.Errorf(schemas.PluginProtocol, "a configuration schema is not JSON: %w", err)
	}
	s, err := parseSchema(m, 0)
	if err == nil && s.Type != "object" {
		err = schemas.Errorf(schemas.PluginProtocol, "a configuration schema must describe an object")
	}
	return s, err
}

func parseSchema(m map[string]any, depth int) (*Schema, error) {
	if depth > 20 {
		return nil, schemas.Errorf(schemas.PluginProtocol, "a configuration schema is nested too deeply")
	}
	s := &Schema{Type: "any", Default: m["default"]}
	s.Doc, _ = m["description"].(string)
	if alternatives, ok := m["anyOf"].([]any); ok {
		for _, a := range alternatives {
			if o, ok := a.(map[string]any); ok && o["type"] == "object" {
				t, err := parseSchema(o, depth+1)
				if err != nil {
					return nil, err
				}
				t.Use, t.Doc, t.Default = true, s.Doc, s.Default
				return t, nil
			}
		}
	}
	if t, ok := m["x-type"].(string); ok {
		s.Type = t
	} else if t, ok := m["type"].(string); ok {
		s.Type = t
	}
	child := func(v any) (*Schema, error) {
		o, ok := v.(map[string]any)
		if !ok {
			return &Schema{Type: "any"}, nil
		}
		return parseSchema(o, depth+1)
	}
	var err error
	switch s.Type {
	case "object":
		properties, _ := m["properties"].(map[string]any)
		if properties == nil {
			if e, ok := m["additionalProperties"].(map[string]any); ok {
				s.Type = "map"
				s.Elem, err = parseSchema(e, depth+1)
				return s, err
			}
		}
		required := map[string]bool{}
		if list, ok := m["required"].([]any); ok {
			for _, r := range list {
				required[fmt.Sprint(r)] = true
			}
		}
		order := keysOf(properties)
		if list, ok := m["x-order"].([]any); ok && len(list) == len(order) {
			for i := range list {
				order[i] = fmt.Sprint(list[i])
			}
		}
		for _, key := range order {
			f, err := child(properties[key])
			if err != nil {
				return nil, err
			}
			f.Key, f.Required = key, required[key]
			s.Fields = append(s.Fields, f)
		}
	case "array":
		if s.Elem, err = child(m["items"]); err != nil {
			return nil, err
		}
	case "string", "integer", "number", "boolean", "any", "duration", "size":
	default:
		return nil, schemas.Errorf(schemas.PluginProtocol, "a configuration schema has the type %q, which is not supported", s.Type)
	}
	if list, ok := m["enum"].([]any); ok {
		for _, e := range list {
			s.Enum = append(s.Enum, fmt.Sprint(e))
		}
	}
	for key, dst := range map[string]**float64{"minimum": &s.Min, "maximum": &s.Max, "exclusiveMinimum": &s.Above, "exclusiveMaximum": &s.Below} {
		if x, ok := m[key].(float64); ok {
			*dst = &x
		}
	}
	return s, nil
}

// withReferences lets every value that is no text be a ${...} as well, so that
// an editor does not complain about one.
func withReferences(m map[string]any) map[string]any {
	if list, ok := m["anyOf"].([]any); ok {
		for i := range list {
			list[i] = withReferences(list[i].(map[string]any))
		}
		return m
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if c, ok := m[key].(map[string]any); ok {
			m[key] = withReferences(c)
		}
	}
	if p, ok := m["properties"].(map[string]any); ok {
		for k, c := range p {
			p[k] = withReferences(c.(map[string]any))
		}
		return m // a whole mapping is rarely one reference
	}
	reference := map[string]any{"type": "string", "pattern": `\$\{`}
	if m["type"] == nil || m["type"] == "string" && m["enum"] == nil {
		return m
	}
	outer := map[string]any{"anyOf": []any{m, reference}}
	for _, key := range []string{"description", "default"} {
		if v, ok := m[key]; ok {
			outer[key] = v
			delete(m, key)
		}
	}
	return outer
}

// portsSchema is what may stand in `from:`.
func portsSchema(ports []Port) map[string]any {
	named := map[string]any{}
	for _, p := range ports {
		named[p.Name] = map[string]any{"description": p.Doc}
	}
	return map[string]any{"properties": named, "additionalProperties": false}
}

// FileSchema is the JSON Schema of pipeline files for everything that the
// registry holds.
func FileSchema(r *Registry) json.RawMessage {
	file, err := SchemaOf(fileSpec{})
	if err != nil {
		panic("pipeline: the schema of the file: " + err.Error())
	}
	top := file.jsonSchema()
	properties := top["properties"].(map[string]any)
	stage := properties["stages"].(map[string]any)["additionalProperties"].(map[string]any)
	var kinds []any
	var rules []any
	for _, k := range r.Kinds() {
		kinds = append(kinds, k.Name)
		var uses []any
		all := r.allPorts(k.Name)
		for _, i := range r.Implementations(k.Name) {
			uses = append(uses, map[string]any{"const": i.Name, "description": i.Doc})
			then := map[string]any{"with": withReferences(i.Config.jsonSchema())}
			if own := r.PortsOf(i); len(own) < len(all) {
				then["from"] = portsSchema(own)
			}
			rules = append(rules, map[string]any{
				"if":   map[string]any{"properties": map[string]any{"kind": map[string]any{"const": k.Name}, "use": map[string]any{"const": i.Name}}, "required": []string{"kind", "use"}},
				"then": map[string]any{"properties": then},
			})
		}
		uses = append(uses, map[string]any{"pattern": "/", "description": "PLUGIN/NAME, from plugins:"})
		rules = append(rules, map[string]any{
			"if": map[string]any{"properties": map[string]any{"kind": map[string]any{"const": k.Name}}, "required": []string{"kind"}},
			"then": map[string]any{"properties": map[string]any{
				"use":  map[string]any{"anyOf": uses},
				"from": portsSchema(all)}},
		})
	}
	stage["properties"].(map[string]any)["kind"] = map[string]any{"enum": kinds, "description": "what the stage is for"}
	stage["allOf"] = rules
	top["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	top["title"] = "pathline pipeline file, version 1"
	raw, err := json.MarshalIndent(top, "", "  ")
	if err != nil {
		panic("pipeline: the schema of the file does not marshal")
	}
	return append(raw, '\n')
}
