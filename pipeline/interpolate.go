package pipeline

import (
	"fmt"
	"sort"
	"strings"

	"github.com/pathline/pathline/schemas"
)

// interpolator replaces ${params.x}, ${env:NAME} and ${env:NAME:-default} in
// the scalars of a parsed tree, never in text. A scalar that is one reference
// takes the type of what it names; inside of a longer text everything becomes
// text. $${ stands for ${.
type interpolator struct {
	params map[string]*node
	env    func(string) (string, bool)
	errs   []*schemas.Error
	size   int // bytes made so far
}

const maxExpanded = 1 << 20

func (p *interpolator) walk(n *node, path string) {
	switch n.kind {
	case listNode:
		for i, v := range n.items {
			p.walk(v, fmt.Sprintf("%s[%d]", path, i))
		}
	case mappingNode:
		for i := range n.fields {
			p.walk(n.fields[i].value, join(path, n.fields[i].key))
		}
	default:
		if s, ok := n.scalar.(string); ok && strings.Contains(s, "${") {
			p.scalar(n, s, path)
		}
	}
}

func (p *interpolator) scalar(n *node, s, path string) {
	var out strings.Builder
	for rest := s; ; {
		i := strings.Index(rest, "${")
		if i < 0 {
			out.WriteString(rest)
			break
		}
		if i > 0 && rest[i-1] == '$' { // $${ is a literal
			out.WriteString(rest[:i-1] + "${")
			rest = rest[i+2:]
			continue
		}
		end := strings.IndexByte(rest[i:], '}')
		if end < 0 {
			p.fail(n, schemas.BadReference, path, "%s has no closing brace", quoteShort(rest[i:]))
			return
		}
		ref := rest[i+2 : i+end]
		v := p.lookup(n, ref, path)
		if v == nil {
			n.broken = true
			return
		}
		if i == 0 && end == len(rest)-1 && out.Len() == 0 && rest == s {
			at := n.at
			*n = *v
			n.moveShallow(at)
			return
		}
		if v.kind != scalarNode {
			p.fail(n, schemas.BadReference, path, "${%s} is %s and cannot stand inside of a text", ref, v.describe())
			return
		}
		out.WriteString(rest[:i])
		if v.scalar != nil {
			out.WriteString(fmt.Sprint(v.scalar))
		}
		if p.size += out.Len(); p.size > maxExpanded {
			p.fail(n, schemas.TooLarge, path, "replaced texts are longer than %d bytes in all", maxExpanded)
			return
		}
		rest = rest[i+end+1:]
	}
	n.scalar = out.String()
}

// moveShallow copies the tree under a new place, so that errors point at the
// reference and no two places of the file share nodes.
func (n *node) moveShallow(at position) {
	n.at = at
	for i, v := range n.items {
		if i == 0 {
			n.items = append([]*node(nil), n.items...)
		}
		c := *v
		c.moveShallow(at)
		n.items[i] = &c
	}
	for i := range n.fields {
		if i == 0 {
			n.fields = append([]field(nil), n.fields...)
		}
		c := *n.fields[i].value
		c.moveShallow(at)
		n.fields[i].at, n.fields[i].value = at, &c
	}
}

func (p *interpolator) lookup(n *node, ref, path string) *node {
	if name, ok := strings.CutPrefix(ref, "params."); ok {
		if p.params == nil {
			p.fail(n, schemas.BadReference, path, "a parameter cannot refer to another parameter")
			return nil
		}
		if v := p.params[name]; v != nil {
			return v
		}
		e := n.at.fail(schemas.UnknownParam, path, "there is no parameter %q", name)
		if s := DidYouMean(name, keysOf(p.params)); s != "" {
			e.Suggest(s)
		} else {
			e.Suggest("declare it under `params:`")
		}
		p.errs = append(p.errs, e)
		return nil
	}
	if name, ok := strings.CutPrefix(ref, "env:"); ok {
		name, fallback, has := strings.Cut(name, ":-")
		if !isName(name) {
			p.fail(n, schemas.BadReference, path, "${%s} does not name an environment variable", ref)
			return nil
		}
		text, set := "", false
		if p.env != nil {
			text, set = p.env(name)
		}
		if !set && !has {
			p.errs = append(p.errs, n.at.fail(schemas.MissingEnv, path, "the environment variable %s is not set", name).Suggest("set it, or write ${env:"+name+":-default}"))
			return nil
		}
		if !set {
			text = fallback
		}
		v, _ := parseScalar(text, n.at)
		return v
	}
	p.fail(n, schemas.BadReference, path, "${%s} is not known; write ${params.NAME} or ${env:NAME}, or $${ for a literal ${", shorten(ref))
	return nil
}

func (p *interpolator) fail(n *node, r schemas.Reason, path, format string, args ...any) {
	n.broken = true
	p.errs = append(p.errs, n.at.fail(r, path, format, args...))
}

func isName(s string) bool {
	for i, r := range s {
		if !(r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || i > 0 && r >= '0' && r <= '9') {
			return false
		}
	}
	return s != ""
}

func keysOf[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func shorten(s string) string {
	if len(s) > 40 {
		return s[:37] + "..."
	}
	return s
}

func quoteShort(s string) string { return fmt.Sprintf("%q", shorten(s)) }
