package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"sort"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pathline/pathline/pipeline"
)

// kindView is a kind as `host show` tells it.
type kindView struct {
	Name            string     `json:"name"`
	Doc             string     `json:"doc"`
	Gives           string     `json:"gives"`
	Ports           []portView `json:"ports"`
	Implementations []implView `json:"implementations"`
}

type portView struct {
	Name     string `json:"name"`
	Doc      string `json:"doc"`
	Takes    string `json:"takes"`
	Optional bool   `json:"optional"`
	Default  string `json:"default,omitempty"`
}

type implView struct {
	Kind    string          `json:"kind"`
	Name    string          `json:"name"`
	Doc     string          `json:"doc"`
	Ports   []portView      `json:"ports,omitempty"` // where they are not the kind's
	Keys    []keyView       `json:"keys,omitempty"`
	Example string          `json:"example,omitempty"`
	Schema  json.RawMessage `json:"schema,omitempty"`
}

type keyView struct {
	Key      string   `json:"key"`
	Type     string   `json:"type"`
	Default  any      `json:"default,omitempty"`
	Required bool     `json:"required,omitempty"`
	Enum     []string `json:"enum,omitempty"`
	Limits   string   `json:"limits,omitempty"`
	Doc      string   `json:"doc,omitempty"`
}

func viewKind(r *pipeline.Registry, k *pipeline.Kind) kindView {
	v := kindView{Name: k.Name, Doc: k.Doc, Gives: string(k.Gives), Ports: []portView{}, Implementations: []implView{}}
	v.Ports = append(v.Ports, viewPorts(k.Ports)...)
	for _, i := range r.Implementations(k.Name) {
		v.Implementations = append(v.Implementations, implView{Kind: i.Kind, Name: i.Name, Doc: i.Doc})
	}
	return v
}

func viewPorts(ports []pipeline.Port) (out []portView) {
	for _, p := range ports {
		takes := string(p.Takes)
		if p.Takes == pipeline.GivesService {
			takes = p.Kind
		}
		if p.Also != "" {
			takes += " or " + p.Also
		}
		out = append(out, portView{p.Name, p.Doc, takes, p.Optional || p.Default != "", p.Default})
	}
	return out
}

func writePorts(w io.Writer, ports []portView) {
	if len(ports) == 0 {
		return
	}
	fmt.Fprintln(w, "\ninputs")
	var rows [][]string
	for _, p := range ports {
		must := "required"
		if p.Default != "" {
			must = "default " + p.Default
		} else if p.Optional {
			must = "optional"
		}
		rows = append(rows, []string{p.Name, p.Takes, must, clean(p.Doc)})
	}
	table(w, "  ", rows)
}

func showKinds(r *pipeline.Registry) result {
	var all []kindView
	for _, k := range r.Kinds() {
		all = append(all, viewKind(r, k))
	}
	return result{all, func(w io.Writer) {
		rows := [][]string{{"KIND", "GIVES", "IMPLEMENTATIONS", "FOR"}}
		for _, k := range all {
			var names []string
			for _, i := range k.Implementations {
				names = append(names, clean(i.Name))
			}
			// A long list goes on in the next lines.
			for n, line := range wrap(strings.Join(names, ", "), 44) {
				if n == 0 {
					rows = append(rows, []string{clean(k.Name), k.Gives, line, clean(k.Doc)})
				} else {
					rows = append(rows, []string{"", "", line, ""})
				}
			}
		}
		table(w, "", rows)
		fmt.Fprintln(w, "\n`host show KIND` lists one kind, `host show KIND/NAME` the keys of an implementation.")
	}}
}

func showKind(r *pipeline.Registry, k *pipeline.Kind) result {
	v := viewKind(r, k)
	return result{v, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %s\n", clean(v.Name), clean(v.Doc))
		fmt.Fprintf(w, "gives %s\n", v.Gives)
		writePorts(w, v.Ports)
		fmt.Fprintln(w, "\nimplementations")
		var rows [][]string
		for _, i := range v.Implementations {
			rows = append(rows, []string{clean(i.Name), clean(i.Doc)})
		}
		table(w, "  ", rows)
	}}
}

func showImplementation(cmd *cobra.Command, i *pipeline.Implementation, f showFlags) (result, error) {
	if len(f.with) > 0 {
		return result{}, usage(cmd, "--with goes with --at")
	}
	v := implView{Kind: i.Kind, Name: i.Name, Doc: i.Doc, Ports: viewPorts(i.Ports), Keys: []keyView{}, Example: example(i), Schema: i.Config.JSON()}
	keys(i.Config, "", &v.Keys)
	return result{v, func(w io.Writer) {
		fmt.Fprintf(w, "%s/%s: %s\n", clean(i.Kind), clean(i.Name), clean(i.Doc))
		writePorts(w, v.Ports)
		writeKeys(w, v.Keys)
		fmt.Fprintf(w, "\nexample\n%s", indent(v.Example, "  "))
	}}, nil
}

// writeKeys prints the keys of a configuration as a table.
func writeKeys(w io.Writer, list []keyView) {
	if len(list) == 0 {
		fmt.Fprintln(w, "\nno keys")
		return
	}
	fmt.Fprintln(w)
	rows := [][]string{{"KEY", "TYPE", "DEFAULT", "ALLOWED", ""}}
	for _, k := range list {
		def := ""
		switch {
		case k.Required:
			def = "required"
		case k.Default != nil && k.Default != "":
			def = short(k.Default)
		}
		allowed := k.Limits
		if len(k.Enum) > 0 {
			allowed = strings.Join(k.Enum, ", ")
		}
		doc := wrap(clean(k.Doc), 60)
		rows = append(rows, []string{clean(k.Key), k.Type, clean(def), clean(allowed), doc[0]})
		for _, more := range doc[1:] {
			rows = append(rows, []string{"", "", "", "", more})
		}
	}
	table(w, "  ", rows)
}

// keys lists the keys of a configuration, those of nested mappings under a
// dotted name.
func keys(s *pipeline.Schema, prefix string, out *[]keyView) {
	for _, f := range s.Fields {
		k := keyView{Key: prefix + f.Key, Type: typeWords(f), Default: f.Default, Required: f.Required, Enum: f.Enum, Limits: limits(f), Doc: f.Doc}
		if len(f.Fields) > 0 {
			k.Default = nil // its keys say their own
		}
		*out = append(*out, k)
		keys(f, prefix+f.Key+".", out)
	}
}

func typeWords(s *pipeline.Schema) string {
	switch {
	case s.Use:
		return "name or mapping"
	case s.Type == "object" || s.Type == "map":
		return "mapping"
	case s.Type == "array" && s.Elem != nil:
		return "list of " + strings.TrimSuffix(typeWords(s.Elem), "s") + "s"
	case s.Type == "string":
		return "text"
	case s.Type == "integer":
		return "whole number"
	case s.Type == "boolean":
		return "true or false"
	}
	return s.Type
}

func limits(s *pipeline.Schema) string {
	var parts []string
	for _, l := range []struct {
		word string
		x    *float64
	}{{">= ", s.Min}, {"> ", s.Above}, {"<= ", s.Max}, {"< ", s.Below}} {
		if l.x != nil {
			format := byte('g')
			if *l.x == math.Trunc(*l.x) && math.Abs(*l.x) < 1e15 {
				format = 'f'
			}
			parts = append(parts, l.word+strconv.FormatFloat(*l.x, format, -1, 64))
		}
	}
	return strings.Join(parts, ", ")
}

func short(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return "?"
	}
	if s, ok := v.(string); ok && s != "" {
		return s
	}
	return string(raw)
}

// example is a stage as a pipeline file would have it: what the implementation
// gives, or its keys with their defaults.
func example(i *pipeline.Implementation) string {
	with := strings.TrimSpace(strings.TrimPrefix(i.Example, "with:"))
	if with == "" {
		var pairs []string
		for _, f := range i.Config.Fields {
			if f.Default != nil && len(f.Fields) == 0 {
				pairs = append(pairs, f.Key+": "+short(f.Default))
			} else if f.Required {
				pairs = append(pairs, f.Key+": ...")
			}
		}
		if len(pairs) > 0 {
			with = "{" + strings.Join(pairs, ", ") + "}"
		}
	}
	text := "my-" + i.Kind + ":\n  kind: " + i.Kind + "\n  use: " + i.Name + "\n"
	with = strings.TrimRight(with, "\n")
	switch {
	case with == "":
	case strings.Contains(with, "\n") || !strings.HasPrefix(with, "{"):
		text += "  with:\n" + indent(with+"\n", "    ")
	default:
		text += "  with: " + with + "\n"
	}
	return text
}

func indent(text, by string) string {
	lines := strings.SplitAfter(text, "\n")
	for i, l := range lines {
		if strings.TrimSpace(l) != "" {
			lines[i] = by + l
		}
	}
	return strings.Join(lines, "")
}

// wrap breaks text between words; it gives at least one line.
func wrap(text string, width int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case displayWidth(*last)+1+displayWidth(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
