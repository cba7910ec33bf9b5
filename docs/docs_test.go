package docs

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages"
)

// pages are the Markdown files of the repository, by their path from its root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	walk(t, "..", func(name string) {
		if strings.HasSuffix(name, ".md") {
			out[name] = read(t, filepath.Join("..", name))
		}
	})
	if out["README.md"] == "" || out["docs/pipeline-file.md"] == "" {
		t.Fatal("the pages were not found")
	}
	return out
}

// walk visits the files of the repository, except those that git ignores or
// owns.
func walk(t *testing.T, root string, visit func(name string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"runs", "bin"}, d.Name())) {
			return fs.SkipDir
		}
		rel, err := filepath.Rel("..", name)
		if err == nil && !d.IsDir() {
			visit(filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// block is a fenced block of a page. Words stand after its language; with
// file=NAME among them the block is a file of a guide, and TestGuides runs it.
type block struct {
	page, language, text string
	words                []string
	line                 int
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

func blocks(t *testing.T, page, text string) (out []block) {
	t.Helper()
	var open *block
	for i, line := range strings.SplitAfter(text, "\n") {
		fence, is := strings.CutPrefix(strings.TrimRight(line, "\n"), "```")
		switch {
		case is && open == nil:
			open = &block{page: page, line: i + 2}
			if words := strings.Fields(fence); len(words) > 0 {
				open.language, open.words = words[0], words[1:]
			}
		case is:
			out = append(out, *open)
			open = nil
		case open != nil:
			open.text += line
		}
	}
	if open != nil {
		t.Errorf("%s: the block does not end", open)
	}
	return out
}

func allBlocks(t *testing.T, language string) (out []block) {
	for name, text := range pages(t) {
		for _, b := range blocks(t, name, text) {
			if b.language == language {
				out = append(out, b)
			}
		}
	}
	if len(out) == 0 {
		t.Fatalf("there is no block of %s", language)
	}
	return out
}

var (
	linkPattern    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headingPattern = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notInAnchor    = regexp.MustCompile(`[^a-z0-9 _-]`)
)

// anchors are the fragments that a page has, as GitHub makes them.
func anchors(text string) map[string]bool {
	out := map[string]bool{}
	for _, h := range headingPattern.FindAllStringSubmatch(text, -1) {
		out[strings.ReplaceAll(notInAnchor.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-")] = true
	}
	return out
}

func TestLinks(t *testing.T) {
	all, links := pages(t), 0
	for page, text := range all {
		for _, m := range linkPattern.FindAllStringSubmatch(text, -1) {
			target, fragment, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			links++
			name := page
			if target != "" {
				name = filepath.ToSlash(filepath.Join(filepath.Dir(page), target))
			}
			if strings.HasPrefix(name, "..") {
				t.Errorf("%s: %s leads out of the repository", page, m[1])
				continue
			}
			if _, err := os.Stat(filepath.Join("..", name)); err != nil {
				t.Errorf("%s: %s leads nowhere", page, m[1])
			}
			if fragment != "" && !anchors(all[name])[fragment] {
				t.Errorf("%s: %s has no heading #%s", page, name, fragment)
			}
		}
	}
	if links < 20 {
		t.Errorf("only %d links were found", links)
	}
}

// A block that is a whole pipeline file loads, beside the data of the examples.
func TestPipelineBlocks(t *testing.T) {
	dir := t.TempDir()
	data, err := filepath.Glob("../examples/*/*.parquet")
	if err != nil || len(data) == 0 {
		t.Fatal("there is no data", err)
	}
	for _, name := range data {
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), []byte(read(t, name)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	loaded := 0
	for _, b := range allBlocks(t, "yaml") {
		if !strings.HasPrefix(b.text, "version:") || b.attribute("file") != "" {
			continue
		}
		file := filepath.Join(dir, "pipeline.yaml")
		if err := os.WriteFile(file, []byte(b.text), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := load(file); err != nil {
			t.Errorf("%s: %v", b, err)
		}
		loaded++
	}
	if loaded < 2 {
		t.Errorf("only %d blocks are pipeline files", loaded)
	}
}

// Every example of built-in stages loads.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../examples/*/pipeline.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("there are %d examples: %v", len(files), err)
	}
	for _, file := range files {
		if strings.Contains(read(t, file), "\nplugins:") {
			continue // its plugin has a test of its own
		}
		if err := load(file); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func load(file string) error {
	_, err := pipeline.Load(context.Background(), file, stages.Builtin(), pipeline.LoadOptions{})
	return err
}

// Go code in the guides is code that is compiled and tested: it stands word for
// word in a file.
func TestGoBlocks(t *testing.T) {
	var files []string
	for _, root := range []string{"../examples", "../plugins/examples", "../docs"} {
		if _, err := os.Stat(root); err != nil {
			continue
		}
		walk(t, root, func(name string) {
			if strings.HasSuffix(name, ".go") {
				files = append(files, read(t, filepath.Join("..", name)))
			}
		})
	}
	for _, b := range allBlocks(t, "go") {
		if b.attribute("file") == "" && !slices.ContainsFunc(files, func(file string) bool { return strings.Contains(file, b.text) }) {
			t.Errorf("%s: no file has this code:\n%s", b, b.text)
		}
	}
}

// The README shows how to embed pathline with the code of examples/embed.
func TestReadmeEmbeds(t *testing.T) {
	program := read(t, "../examples/embed/main.go")
	for _, b := range blocks(t, "README.md", read(t, "../README.md")) {
		if b.language == "go" && strings.Contains(program, b.text) {
			return
		}
	}
	t.Error("README.md shows nothing of examples/embed/main.go")
}

var rowPattern = regexp.MustCompile("(?m)^\\| `([a-z_/-]+)` \\|(.*)\\|$")

// rows are the rows of the tables of a page whose first cell is one word of
// code: the word and the other cells.
func rows(text string) (words []string, cells map[string][]string) {
	cells = map[string][]string{}
	for _, m := range rowPattern.FindAllStringSubmatch(text, -1) {
		words = append(words, m[1])
		for _, c := range strings.Split(m[2], " | ") {
			cells[m[1]] = append(cells[m[1]], strings.TrimSpace(c))
		}
	}
	return words, cells
}

// The table of reasons is that of package schemas.
func TestReasons(t *testing.T) {
	words, cells := rows(read(t, "errors.md"))
	for i, a := range schemas.Reasons {
		if i >= len(words) || words[i] != string(a.Reason) {
			t.Fatalf("row %d is not %s", i+1, a.Reason)
		}
		if c := cells[words[i]]; len(c) != 2 || c[0] != fmt.Sprint(a.Exit) || c[1] != a.Text {
			t.Errorf("%s: the table says %q, the code %d, %q", a.Reason, c, a.Exit, a.Text)
		}
	}
	if len(words) != len(schemas.Reasons) {
		t.Errorf("the table has %d rows, the code %d reasons", len(words), len(schemas.Reasons))
	}
}

var codePattern = regexp.MustCompile("`([^`]+)`")

func code(cell string) (out []string) {
	for _, m := range codePattern.FindAllStringSubmatch(cell, -1) {
		out = append(out, m[1])
	}
	return out
}

// The README lists what is built in.
func TestBuiltins(t *testing.T) {
	r := stages.Builtin()
	_, cells := rows(read(t, "../README.md"))
	for _, k := range r.Kinds() {
		var want []string
		for _, i := range r.Implementations(k.Name) {
			want = append(want, i.Name)
		}
		c := cells[k.Name]
		if len(c) != 2 {
			t.Errorf("README.md has no row for %s", k.Name)
			continue
		}
		have := code(c[1])
		slices.Sort(have)
		slices.Sort(want)
		if !slices.Equal(have, want) {
			t.Errorf("%s: README.md lists %v, the registry has %v", k.Name, have, want)
		}
	}
}

// The guide to the pipeline file lists kinds and their inputs.
func TestPorts(t *testing.T) {
	r := stages.Builtin()
	_, cells := rows(read(t, "pipeline-file.md"))
	for _, k := range r.Kinds() {
		var want []string
		for _, p := range k.Ports {
			want = append(want, p.Name)
		}
		c := cells[k.Name]
		if len(c) != 3 || c[1] != string(k.Gives) || !slices.Equal(code(c[0]), want) {
			t.Errorf("%s: the guide has %q, the registry inputs %v, gives %s", k.Name, c, want, k.Gives)
		}
		for _, i := range r.Implementations(k.Name) {
			if i.Ports == nil {
				continue
			}
			var own []string
			for _, p := range i.Ports {
				own = append(own, p.Name)
			}
			if c := cells[k.Name+"/"+i.Name]; len(c) != 3 || !slices.Equal(code(c[0]), own) {
				t.Errorf("%s/%s: the guide has %q, the registry inputs %v", k.Name, i.Name, c, own)
			}
		}
	}
}

// Every decision has its number, its four parts and at most forty lines.
func TestDecisions(t *testing.T) {
	files, err := filepath.Glob("decisions/*.md")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no decisions", err)
	}
	for i, name := range files {
		if prefix := fmt.Sprintf("%03d-", i+1); !strings.HasPrefix(filepath.Base(name), prefix) {
			t.Errorf("%s: the number is not %s", name, prefix)
		}
		text := read(t, name)
		at := 0
		for _, part := range []string{"# ", "\n## Question\n", "\n## Options\n", "\n## Choice\n", "\n## Consequences\n"} {
			j := strings.Index(text[at:], part)
			if j < 0 {
				t.Errorf("%s: %q is missing or out of order", name, strings.TrimSpace(part))
				break
			}
			at += j + len(part) - 1
		}
		if n := strings.Count(text, "\n"); n > 40 {
			t.Errorf("%s: %d lines, more than 40", name, n)
		}
	}
}
