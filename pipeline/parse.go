package pipeline

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/pathline/pathline/schemas"
)

// Limits of a pipeline file. A file that a person or a generator writes is far
// below them; they bound what a hostile one can ask for.
const (
	maxFileSize = 4 << 20
	maxNodes    = 200_000
	maxDepth    = 100
)

// readNode reads a pipeline file into a tree with places.
func readNode(name string) (*node, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, FileError(err)
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.IsDir() {
		return nil, schemas.Errorf(schemas.FileAccess, "%s is a folder, not a pipeline file", name).Suggest("name the file in it, for example " + name + "/pipeline.yaml")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return nil, FileError(err)
	}
	return parseNode(name, text)
}

// parseNode reads YAML. All errors are *schemas.Error with a place.
func parseNode(name string, text []byte) (n *node, err error) {
	src := &source{name: name}
	if len(text) > maxFileSize {
		return nil, position{source: src}.fail(schemas.TooLarge, "", "the file is larger than %d MiB", maxFileSize>>20)
	}
	if i := invalidUTF8(text); i >= 0 {
		return nil, position{src, 1 + bytes.Count(text[:i], []byte("\n")), 1, 0}.fail(schemas.Syntax, "", "the file is not UTF-8 text")
	}
	src.lines = splitLines(text)
	defer func() {
		if p := recover(); p != nil { // the YAML library has panicked on hostile input before
			n, err = nil, position{source: src}.fail(schemas.Syntax, "", "not YAML: %v", p)
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); err == io.EOF {
		return nil, position{src, 1, 1, 0}.fail(schemas.Syntax, "", "the file is empty").Suggest("start with `version: 1`")
	} else if err != nil {
		return nil, yamlError(src, err)
	}
	if err := dec.Decode(&second); err == nil {
		return nil, position{src, second.Line, 1, 3}.fail(schemas.Syntax, "", "a pipeline file holds one document; a second one starts here")
	} else if err != io.EOF {
		return nil, yamlError(src, err)
	}
	c := &converter{src: src}
	n = c.convert(doc.Content[0], "", 0)
	return n, joinErrors(c.errs)
}

// splitLines cuts where YAML says that lines end: \n, \r\n, \r, U+0085, U+2028
// and U+2029.
func splitLines(text []byte) [][]byte {
	var lines [][]byte
	start := 0
	for i := 0; i < len(text); {
		r, w := utf8.DecodeRune(text[i:])
		end := i
		i += w
		switch r {
		case '\r':
			if i < len(text) && text[i] == '\n' {
				i++
			}
		case '\n', 0x85, 0x2028, 0x2029:
		default:
			continue
		}
		lines = append(lines, text[start:end])
		start = i
	}
	return append(lines, text[start:])
}

func invalidUTF8(text []byte) int {
	for i := 0; i < len(text); {
		r, w := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && w <= 1 {
			return i
		}
		i += w
	}
	return -1
}

var (
	yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
	// Errors of the library's parser count lines from 0, those of its scanner
	// from 1; these are the parser's.
	yamlParser = regexp.MustCompile(`did not find expected (?:node content|',' or|key|'-' indicator|<)`)
)

func yamlError(src *source, err error) error {
	at := position{src, 1, 1, 0}
	text := err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		text = text[len(m[0]):]
		if n, e := strconv.Atoi(m[1]); e == nil {
			if yamlParser.MatchString(text) {
				n++
			}
			at.line = min(n, len(src.lines))
		}
	}
	if at.line <= len(src.lines) {
		line := src.lines[at.line-1]
		at.column = 1 + len(line) - len(bytes.TrimLeft(line, " \t"))
	}
	e := at.fail(schemas.Syntax, "", "not YAML: %s", text)
	if at.line <= len(src.lines) && bytes.Contains(src.lines[at.line-1], []byte("\t")) {
		e.Suggest("indent with spaces, not with tabs")
	}
	return e
}

// converter turns the YAML library's tree into ours: aliases are followed (and
// counted, so that a few bytes cannot become gigabytes), keys are strings and
// unique, scalars are typed.
type converter struct {
	src   *source
	nodes int
	errs  []*schemas.Error
	open  map[*yaml.Node]bool // anchors being expanded
	full  bool
}

func (c *converter) at(y *yaml.Node) position {
	p := position{source: c.src, line: y.Line, column: y.Column}
	if c.src != nil { // an empty document ends after the last line
		p.line = min(y.Line, len(c.src.lines))
	}
	if y.Kind == yaml.ScalarNode {
		p.width = utf8.RuneCountInString(y.Value)
		if y.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
			p.width += 2
		}
		if i := strings.IndexByte(y.Value, '\n'); i >= 0 {
			p.width = 1
		}
	}
	return p
}

func (c *converter) fail(y *yaml.Node, r schemas.Reason, path, format string, args ...any) {
	c.errs = append(c.errs, c.at(y).fail(r, path, format, args...))
}

func (c *converter) convert(y *yaml.Node, path string, depth int) *node {
	n := &node{at: c.at(y)}
	if c.nodes++; c.nodes > maxNodes || depth > maxDepth {
		if !c.full {
			c.full = true
			c.fail(y, schemas.TooLarge, path, "the file has more than %d values or %d levels once its aliases are followed", maxNodes, maxDepth)
		}
		return n
	}
	switch y.Kind {
	case yaml.AliasNode:
		if c.open[y.Alias] {
			c.fail(y, schemas.Syntax, path, "the alias *%s stands inside of its own anchor", y.Value)
			return n
		}
		if c.open == nil {
			c.open = map[*yaml.Node]bool{}
		}
		c.open[y.Alias] = true
		v := c.convert(y.Alias, path, depth+1)
		delete(c.open, y.Alias)
		return v
	case yaml.SequenceNode:
		n.kind = listNode
		for i, item := range y.Content {
			n.items = append(n.items, c.convert(item, fmt.Sprintf("%s[%d]", path, i), depth+1))
			if c.full {
				break
			}
		}
	case yaml.MappingNode:
		n.kind = mappingNode
		c.mapping(n, y, path, depth)
	case yaml.ScalarNode:
		n.scalar = c.scalar(y, path)
	default:
		c.fail(y, schemas.Syntax, path, "unexpected YAML here")
	}
	return n
}

func (c *converter) mapping(n *node, y *yaml.Node, path string, depth int) {
	var merges []*node
	for i := 0; i+1 < len(y.Content) && !c.full; i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		if k.Kind == yaml.ScalarNode && k.ShortTag() == "!!merge" {
			merges = append(merges, c.convert(v, path, depth+1))
			continue
		}
		if k.Kind != yaml.ScalarNode {
			c.fail(k, schemas.Syntax, path, "a key must be a word")
			continue
		}
		at := c.at(k)
		p := join(path, k.Value)
		if n.field(k.Value) != nil {
			c.fail(k, schemas.DuplicateKey, p, "key %q stands here a second time; the first is on line %d", k.Value, n.field(k.Value).at.line)
			continue
		}
		n.fields = append(n.fields, field{k.Value, at, c.convert(v, p, depth+1)})
	}
	for _, m := range merges {
		for _, part := range append([]*node{m}, m.items...) {
			for _, f := range part.fields {
				if n.field(f.key) == nil {
					n.fields = append(n.fields, f)
				}
			}
		}
	}
}

func (c *converter) scalar(y *yaml.Node, path string) any {
	switch y.ShortTag() {
	case "!!str", "!!timestamp", "!!binary":
		return y.Value
	case "!!null":
		return nil
	case "!!bool", "!!int", "!!float":
		var v any
		if err := y.Decode(&v); err != nil {
			return y.Value
		}
		switch v := v.(type) {
		case int:
			return int64(v)
		case int64, uint64, float64, bool:
			return v
		}
		return y.Value
	}
	c.fail(y, schemas.Syntax, path, "the YAML tag %s is not used in pipeline files", y.Tag)
	return nil
}

// parseScalar types a text as the file would: the value of an environment
// variable, or of --set.
func parseScalar(text string, at position) (*node, error) {
	var y yaml.Node
	if err := yaml.Unmarshal([]byte(text), &y); err != nil || y.Kind == 0 {
		return &node{scalar: text, at: at}, nil
	}
	c := &converter{src: at.source}
	n := c.convert(y.Content[0], "", 0)
	n.moveTo(at)
	if len(c.errs) > 0 {
		return &node{scalar: text, at: at}, nil
	}
	return n, nil
}

// moveTo gives a tree that came from elsewhere one place.
func (n *node) moveTo(at position) {
	n.at = at
	for _, v := range n.items {
		v.moveTo(at)
	}
	for i := range n.fields {
		n.fields[i].at = at
		n.fields[i].value.moveTo(at)
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
