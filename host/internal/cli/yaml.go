package cli

import (
	"encoding/json"
	"regexp"
	"strings"
)

// topOrder is how people order the keys of a pipeline file.
var topOrder = []string{"version", "name", "seed", "params", "plugins", "stages", "kind", "use", "from", "with", "to"}

// writeYAML writes decoded JSON as YAML: mappings of scalars and lists on one
// line, others as blocks.
func writeYAML(b *strings.Builder, v any, indent string) {
	m, ok := v.(map[string]any)
	if !ok {
		b.WriteString(indent + flowYAML(v) + "\n")
		return
	}
	for _, k := range orderedKeys(m) {
		if inner, ok := m[k].(map[string]any); ok && len(inner) > 0 && !flat(inner) {
			b.WriteString(indent + scalarYAML(k) + ":\n")
			writeYAML(b, inner, indent+"  ")
			continue
		}
		b.WriteString(indent + scalarYAML(k) + ": " + flowYAML(m[k]) + "\n")
	}
}

func orderedKeys(m map[string]any) []string {
	var out []string
	seen := map[string]bool{}
	for _, k := range topOrder {
		if _, ok := m[k]; ok {
			out, seen[k] = append(out, k), true
		}
	}
	for _, k := range sortedKeys(m) {
		if !seen[k] {
			out = append(out, k)
		}
	}
	return out
}

// flat says that a mapping is short enough for one line.
func flat(m map[string]any) bool {
	for _, v := range m {
		if inner, ok := v.(map[string]any); ok && len(inner) > 0 {
			return false
		}
	}
	return len(flowYAML(m)) <= 90
}

func flowYAML(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var parts []string
		for _, k := range orderedKeys(v) {
			parts = append(parts, scalarYAML(k)+": "+flowYAML(v[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		var parts []string
		for _, x := range v {
			parts = append(parts, flowYAML(x))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case string:
		return scalarYAML(v)
	case json.Number:
		return v.String()
	}
	raw, _ := json.Marshal(v)
	return string(raw)
}

var (
	plainText = regexp.MustCompile(`^[A-Za-z_./][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*$`)
	wordsYAML = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|null|y|n|\.nan|\.inf)$`)
)

// scalarYAML quotes what YAML would read as something else than text.
func scalarYAML(s string) string {
	if plainText.MatchString(s) && !wordsYAML.MatchString(s) {
		return s
	}
	raw, _ := json.Marshal(s)
	return string(raw)
}
