package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"

	"github.com/pathline/pathline/schemas"
)

// node is a value of the pipeline file with its place. Scalars hold string,
// bool, int64, uint64, float64 or nil.
type node struct {
	kind   nodeKind
	scalar any
	items  []*node  // of a list
	fields []field  // of a mapping, in file order
	at     position // of the value
	broken bool     // an error has been reported: its content means nothing
}

type field struct {
	key   string
	at    position // of the key
	value *node
}

type nodeKind uint8

const (
	scalarNode nodeKind = iota
	listNode
	mappingNode
)

// position is a place in a source: line and column count from 1, 0 is unknown.
type position struct {
	source       *source
	line, column int
	width        int
}

// source is a text with a name: the pipeline file, or a --set.
type source struct {
	name  string
	lines [][]byte
}

// fail makes an error at a place.
func (p position) fail(r schemas.Reason, path, format string, args ...any) *schemas.Error {
	return p.place(schemas.Errorf(r, format, args...).At(path))
}

func (p position) place(e *schemas.Error) *schemas.Error {
	if p.source == nil {
		return e
	}
	e.File, e.Line, e.Column, e.Width = p.source.name, p.line, p.column, p.width
	if p.line >= 1 && p.line <= len(p.source.lines) {
		e.Source = string(p.source.lines[p.line-1])
	}
	return e
}

// get finds the field of a mapping.
func (n *node) get(key string) *node {
	if f := n.field(key); f != nil {
		return f.value
	}
	return nil
}

func (n *node) field(key string) *field {
	if n == nil || n.kind != mappingNode {
		return nil
	}
	for i := range n.fields {
		if n.fields[i].key == key {
			return &n.fields[i]
		}
	}
	return nil
}

// set gives a field a value, adding it at the end when it is new.
func (n *node) set(key string, at position, v *node) {
	if f := n.field(key); f != nil {
		f.value, f.at = v, at
		return
	}
	n.fields = append(n.fields, field{key, at, v})
}

// isNull says that there is no value: nothing at all, or a YAML null.
func (n *node) isNull() bool { return n == nil || n.kind == scalarNode && n.scalar == nil }

// anyBroken says whether an error has been reported inside of the tree.
func (n *node) anyBroken() bool {
	if n == nil {
		return false
	}
	if n.broken {
		return true
	}
	for _, v := range n.items {
		if v.anyBroken() {
			return true
		}
	}
	for _, f := range n.fields {
		if f.value.anyBroken() {
			return true
		}
	}
	return false
}

// describe names the value in a message, shortened.
func (n *node) describe() string {
	switch {
	case n.isNull():
		return "null"
	case n.kind == listNode:
		return "a list"
	case n.kind == mappingNode:
		return "a mapping"
	}
	if s, ok := n.scalar.(string); ok {
		if len(s) > 60 {
			s = s[:57] + "..."
		}
		return strconv.Quote(s)
	}
	return fmt.Sprint(n.scalar)
}

// find follows a path like columns[2] or optimizer.lr as far as it leads; it
// gives the place of the last part that exists.
func (n *node) find(path string) (position, bool) {
	at, found := n.at, true
	for path != "" && found {
		var part string
		part, path = splitPath(path)
		found = false
		switch {
		case part == "":
			found = true
		case part[0] == '[':
			i, err := strconv.Atoi(part[1 : len(part)-1])
			if err == nil && n.kind == listNode && i >= 0 && i < len(n.items) {
				n, found = n.items[i], true
				at = n.at
			}
		default:
			if f := n.field(part); f != nil {
				n, found = f.value, true
				at = n.at
				if n.kind != scalarNode && path == "" && n.at.line != f.at.line {
					at = f.at
				}
			} else if n.kind == scalarNode && part == "use" {
				found = true // adam stands for {use: adam}
			}
		}
	}
	return at, found
}

// splitPath cuts the first part off a path: a key, or an index in brackets.
func splitPath(path string) (part, rest string) {
	if path[0] == '[' {
		if i := bytes.IndexByte([]byte(path), ']'); i > 0 {
			rest = path[i+1:]
			if rest != "" && rest[0] == '.' {
				rest = rest[1:]
			}
			return path[:i+1], rest
		}
	}
	for i := range len(path) {
		switch path[i] {
		case '.':
			return path[:i], path[i+1:]
		case '[':
			if i > 0 {
				return path[:i], path[i:]
			}
		}
	}
	return path, ""
}

// value gives the plain Go value: map[string]any, []any or a scalar.
func (n *node) value() any {
	switch {
	case n == nil:
		return nil
	case n.kind == listNode:
		out := make([]any, len(n.items))
		for i, v := range n.items {
			out[i] = v.value()
		}
		return out
	case n.kind == mappingNode:
		out := make(map[string]any, len(n.fields))
		for _, f := range n.fields {
			out[f.key] = f.value.value()
		}
		return out
	}
	return n.scalar
}

// nodeOf makes a node without a place of a Go value that encoding/json knows.
func nodeOf(v any) (*node, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var plain any
	if err := d.Decode(&plain); err != nil {
		return nil, err
	}
	return plainNode(plain), nil
}

func plainNode(v any) *node {
	switch v := v.(type) {
	case []any:
		n := &node{kind: listNode}
		for _, e := range v {
			n.items = append(n.items, plainNode(e))
		}
		return n
	case map[string]any:
		n := &node{kind: mappingNode}
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			n.fields = append(n.fields, field{key: k, value: plainNode(v[k])})
		}
		return n
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return &node{scalar: i}
		}
		if u, err := strconv.ParseUint(v.String(), 10, 64); err == nil {
			return &node{scalar: u}
		}
		f, err := v.Float64()
		if err != nil {
			f = math.Inf(1)
		}
		return &node{scalar: f}
	}
	return &node{scalar: v}
}
