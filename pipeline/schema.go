package pipeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/pathline/pathline/schemas"
)

// SchemaOf derives the schema of a configuration from a Go struct that holds
// the defaults. Tags of a field:
//
//	yaml:"key"  doc:"..."  required:"true"  enum:"a,b"
//	min:"0" max:"1" (inclusive)  above:"0" below:"1" (exclusive)
//
// Bounds and enum of a list or map hold for its elements. A nil pointer, map
// or slice is a key without a default. A struct whose first key is `use` may be
// written as a bare name.
func SchemaOf(defaults any) (*Schema, error) {
	v := reflect.ValueOf(defaults)
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return nil, fmt.Errorf("a configuration must be a struct, not %T", defaults)
	}
	return schemaOf(v.Type(), v)
}

var (
	durationType = reflect.TypeFor[Duration]()
	sizeType     = reflect.TypeFor[Size]()
	rawType      = reflect.TypeFor[json.RawMessage]()
)

func schemaOf(t reflect.Type, v reflect.Value) (*Schema, error) {
	s := &Schema{}
	switch {
	case t == durationType:
		s.Type = "duration"
	case t == sizeType:
		s.Type = "size"
	case t == rawType || t.Kind() == reflect.Interface:
		s.Type = "any"
	case t.Kind() == reflect.Pointer:
		e := reflect.Value{}
		if v.IsValid() && !v.IsNil() {
			e = v.Elem()
		}
		return schemaOf(t.Elem(), e)
	case t.Kind() == reflect.String:
		s.Type = "string"
	case t.Kind() == reflect.Bool:
		s.Type = "boolean"
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64:
		s.Type = "integer"
		if t.Kind() >= reflect.Uint {
			zero := 0.0
			s.Min = &zero
		}
	case t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64:
		s.Type = "number"
	case t.Kind() == reflect.Slice || t.Kind() == reflect.Map:
		s.Type = "array"
		if t.Kind() == reflect.Map {
			s.Type = "map"
		}
		var err error
		if s.Elem, err = schemaOf(t.Elem(), reflect.Zero(t.Elem())); err != nil {
			return nil, err
		}
	case t.Kind() == reflect.Struct:
		s.Type = "object"
		return s, s.addFields(t, v)
	default:
		return nil, fmt.Errorf("type %s cannot be configured", t)
	}
	return s, nil
}

func (s *Schema) addFields(t reflect.Type, v reflect.Value) error {
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		var fv reflect.Value
		if v.IsValid() {
			fv = v.Field(i)
		}
		if f.Anonymous {
			if err := s.addFields(f.Type, fv); err != nil {
				return err
			}
			continue
		}
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "" {
			key, _, _ = strings.Cut(f.Tag.Get("json"), ",")
		}
		if key == "-" {
			continue
		}
		if key == "" {
			return fmt.Errorf("field %s has no yaml tag", f.Name)
		}
		if j, _, _ := strings.Cut(f.Tag.Get("json"), ","); j != key {
			return fmt.Errorf("field %s has another json key than yaml key", f.Name)
		}
		c, err := schemaOf(f.Type, fv)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		c.Key, c.Doc, c.Required = key, f.Tag.Get("doc"), f.Tag.Get("required") == "true"
		leaf := c
		for leaf.Elem != nil {
			leaf = leaf.Elem
		}
		if e := f.Tag.Get("enum"); e != "" {
			leaf.Enum = strings.Split(e, ",")
		}
		for tag, dst := range map[string]**float64{"min": &leaf.Min, "max": &leaf.Max, "above": &leaf.Above, "below": &leaf.Below} {
			if text := f.Tag.Get(tag); text != "" {
				x, err := strconv.ParseFloat(text, 64)
				if err != nil {
					return fmt.Errorf("%s: tag %s: %w", key, tag, err)
				}
				*dst = &x
			}
		}
		if !c.Required && fv.IsValid() && !isNil(fv) {
			n, err := nodeOf(fv.Interface())
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			c.Default = n.value()
			if c.Default == "" && c.Enum != nil {
				c.Default = nil // none of the words is chosen
			}
			if c.Type == "object" {
				c.Default = map[string]any{} // its own fields have the defaults
			}
		}
		s.Fields = append(s.Fields, c)
	}
	s.Use = len(s.Fields) > 0 && s.Fields[0].Key == "use"
	return nil
}

func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		return v.IsNil()
	}
	return false
}

// Field finds the schema of a key.
func (s *Schema) Field(key string) *Schema {
	for _, f := range s.Fields {
		if f.Key == key {
			return f
		}
	}
	return nil
}

// resolve checks a value and fills in defaults. The result is what
// encoding/json would give, with integers as int64. Errors carry places.
func (s *Schema) resolve(n *node, path string, errs *[]*schemas.Error) any {
	fail := func(r schemas.Reason, format string, args ...any) *schemas.Error {
		e := n.at.fail(r, path, format, args...)
		*errs = append(*errs, e)
		return e
	}
	if n.broken {
		return nil
	}
	switch s.Type {
	case "object":
		return s.resolveObject(n, path, errs)
	case "array":
		if n.kind != listNode {
			e := fail(schemas.WrongType, "takes a list, not %s", n.describe())
			if n.kind == scalarNode && n.scalar != nil {
				e.Suggest("write [" + strings.Trim(n.describe(), `"`) + "]")
			}
			return nil
		}
		out := make([]any, len(n.items))
		for i, v := range n.items {
			out[i] = s.Elem.resolve(v, fmt.Sprintf("%s[%d]", path, i), errs)
		}
		return out
	case "map":
		if n.kind != mappingNode {
			fail(schemas.WrongType, "takes a mapping, not %s", n.describe())
			return nil
		}
		out := make(map[string]any, len(n.fields))
		for _, f := range n.fields {
			out[f.key] = s.Elem.resolve(f.value, join(path, f.key), errs)
		}
		return out
	case "any":
		return n.value()
	}
	if n.kind != scalarNode || n.scalar == nil {
		fail(schemas.WrongType, "takes %s, not %s", s.noun(), n.describe())
		return nil
	}
	return s.resolveScalar(n, fail)
}

func (s *Schema) resolveObject(n *node, path string, errs *[]*schemas.Error) any {
	if s.Use && n.kind == scalarNode {
		if _, ok := n.scalar.(string); ok {
			n = &node{kind: mappingNode, at: n.at, fields: []field{{"use", n.at, n}}}
		}
	}
	if n.broken {
		return nil
	}
	if n.kind != mappingNode && !(n.isNull() && path != "") {
		*errs = append(*errs, n.at.fail(schemas.WrongType, path, "takes a mapping, not %s", n.describe()))
		return nil
	}
	out := map[string]any{}
	for _, f := range n.fields {
		c := s.Field(f.key)
		if c == nil {
			var keys []string
			for _, k := range s.Fields {
				if n.field(k.Key) == nil {
					keys = append(keys, k.Key)
				}
			}
			e := f.at.fail(schemas.UnknownKey, join(path, f.key), "unknown key %q", f.key)
			if d := DidYouMean(f.key, keys); d != "" {
				e.Suggest(d)
			} else if len(s.Fields) == 0 {
				e.Suggest("nothing is configured here")
			} else if len(keys) > 0 && len(keys) <= 16 {
				more := ""
				if len(keys) < len(s.Fields) {
					more = "other "
				}
				e.Suggest("the " + more + "keys here are " + strings.Join(keys, ", "))
			}
			*errs = append(*errs, e)
			continue
		}
		if f.value.isNull() && !c.Required && c.Type != "any" {
			continue // an empty value is the default
		}
		if v := c.resolve(f.value, join(path, f.key), errs); v != nil {
			out[f.key] = v
		}
	}
	for _, c := range s.Fields {
		if _, ok := out[c.Key]; ok || n.field(c.Key) != nil && (!n.get(c.Key).isNull() || n.get(c.Key).broken) {
			continue
		}
		switch {
		case c.Required:
			e := n.at.fail(schemas.MissingKey, join(path, c.Key), "the key %q is missing", c.Key)
			if c.Doc != "" {
				e.Suggest(c.Key + ": " + c.Doc)
			}
			*errs = append(*errs, e)
		case c.Type == "object" && c.Default != nil:
			out[c.Key] = c.resolve(&node{kind: mappingNode, at: n.at}, join(path, c.Key), errs)
		case c.Default != nil:
			out[c.Key] = c.Default
		}
	}
	return out
}

func (s *Schema) noun() string {
	switch s.Type {
	case "integer":
		return "a whole number"
	case "number":
		return "a number"
	case "boolean":
		return "true or false"
	case "duration":
		return "a duration like 30s"
	case "size":
		return "a size like 512MiB"
	}
	return "a text"
}

func (s *Schema) resolveScalar(n *node, fail func(schemas.Reason, string, ...any) *schemas.Error) any {
	wrong := func() any {
		e := fail(schemas.WrongType, "takes %s, not %s", s.noun(), n.describe())
		if text, ok := n.scalar.(string); ok && s.Type != "string" {
			if m, _ := parseScalar(text, n.at); m.kind == scalarNode {
				switch m.scalar.(type) {
				case int64, float64, bool:
					e.Suggest("leave out the quotes")
				}
			}
		} else if s.Type == "string" {
			e.Suggest("write it in quotes if a text is meant")
		}
		return nil
	}
	var number float64
	var out any
	switch s.Type {
	case "string":
		text, ok := n.scalar.(string)
		if !ok {
			return wrong()
		}
		if s.Enum != nil {
			for _, e := range s.Enum {
				if e == text {
					return text
				}
			}
			e := fail(schemas.UnknownValue, "%s is not one of %s", n.describe(), strings.Join(s.Enum, ", "))
			if d := DidYouMean(text, s.Enum); d != "" {
				e.Suggest(d)
			}
			return nil
		}
		return text
	case "boolean":
		b, ok := n.scalar.(bool)
		if !ok {
			return wrong()
		}
		return b
	case "duration":
		d, err := parseDuration(n.scalar)
		if err != nil {
			fail(schemas.WrongType, "%v", err)
			return nil
		}
		return d.String()
	case "size":
		var size int64
		var err error
		switch v := n.scalar.(type) {
		case string:
			size, err = ParseSize(v)
		case int64:
			size = v
		default:
			return wrong()
		}
		if err != nil {
			fail(schemas.WrongType, "%v", err)
			return nil
		}
		number, out = float64(size), size
	case "integer":
		switch v := n.scalar.(type) {
		case int64:
			number, out = float64(v), v
		case uint64:
			number, out = float64(v), v
		case float64:
			if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
				return wrong()
			}
			number, out = v, int64(v)
		default:
			return wrong()
		}
	case "number":
		switch v := n.scalar.(type) {
		case int64:
			number, out = float64(v), float64(v)
		case uint64:
			number, out = float64(v), float64(v)
		case float64:
			if math.IsNaN(v) || math.IsInf(v, 0) {
				fail(schemas.OutOfRange, "must be a finite number, not %v", v)
				return nil
			}
			number, out = v, v
		default:
			return wrong()
		}
	default:
		return n.scalar
	}
	if limit := s.limit(number); limit != "" {
		fail(schemas.OutOfRange, "must be %s, not %v", limit, n.scalar)
		return nil
	}
	return out
}

// limit says which bound a number breaks, or "".
func (s *Schema) limit(x float64) string {
	g := func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
	var parts []string
	bad := false
	add := func(b *float64, ok bool, word string) {
		if b != nil {
			parts = append(parts, word+" "+g(*b))
			bad = bad || !ok
		}
	}
	add(s.Min, s.Min == nil || x >= *s.Min, "at least")
	add(s.Above, s.Above == nil || x > *s.Above, "above")
	add(s.Max, s.Max == nil || x <= *s.Max, "at most")
	add(s.Below, s.Below == nil || x < *s.Below, "below")
	if !bad {
		return ""
	}
	return strings.Join(parts, " and ")
}

// Resolve checks a configuration that did not come from a file and fills in
// defaults. Paths in errors are relative to the configuration.
func (s *Schema) Resolve(raw json.RawMessage) (json.RawMessage, error) {
	var plain any = map[string]any{}
	if len(bytes.TrimSpace(raw)) > 0 {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		if err := d.Decode(&plain); err != nil {
			return nil, schemas.Errorf(schemas.WrongType, "a configuration is not JSON: %w", err)
		}
	}
	var errs []*schemas.Error
	v := s.resolve(plainNode(plain), "", &errs)
	if len(errs) > 0 {
		return nil, joinErrors(errs)
	}
	return json.Marshal(v)
}

// Decode checks raw, fills in defaults and decodes the result into the Go
// value, whose own content is replaced.
func (s *Schema) Decode(raw json.RawMessage, into any) error {
	full, err := s.Resolve(raw)
	if err != nil {
		return err
	}
	v := reflect.ValueOf(into).Elem()
	v.SetZero()
	if err := json.Unmarshal(full, into); err != nil {
		return schemas.Errorf(schemas.WrongType, "%w", err)
	}
	if c, ok := into.(interface{ Validate() error }); ok {
		return c.Validate()
	}
	return nil
}

func joinErrors(list []*schemas.Error) error {
	if len(list) == 0 {
		return nil
	}
	errs := make([]error, len(list))
	for i, e := range list {
		errs[i] = e
	}
	return errors.Join(errs...)
}
