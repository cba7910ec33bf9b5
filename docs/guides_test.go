package docs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Every guide is worked through as a reader does it, in an empty folder: blocks
// with file=NAME are written there, and the commands of console blocks are run
// in their order and have to print what the page shows.
func TestGuides(t *testing.T) {
	if testing.Short() {
		t.Skip("the guides build programs and train flows")
	}
	files, err := filepath.Glob("guides/*.md")
	if err != nil || len(files) < 5 {
		t.Fatalf("there are %d guides: %v", len(files), err)
	}
	bin := tools(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".md"), func(t *testing.T) {
			t.Parallel() // they wait for processes most of the time
			page := "docs/" + filepath.ToSlash(file)
			workThrough(t, bin, blocks(t, page, read(t, file)))
		})
	}
}

// The README's plugin is worked through too.
func TestReadmePlugin(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a plugin")
	}
	workThrough(t, tools(t), blocks(t, "README.md", read(t, "../README.md")))
}

const noPython = "PATHLINE_PYTHON is not set: it names a python with grpcio, protobuf, pyarrow, numpy and pytest; `task unit` sets it"

// tools makes the folder that stands first in a reader's PATH: the host, built
// from this tree, and python3.
var tools = func() func(t *testing.T) string {
	var once sync.Once
	var bin string
	var failure error
	return func(t *testing.T) string {
		t.Helper()
		once.Do(func() { bin, failure = makeTools() })
		if failure != nil {
			t.Fatal(failure)
		}
		return bin
	}
}()

// toolsFolder is removed by TestMain.
var toolsFolder string

func TestMain(m *testing.M) {
	code := m.Run()
	if toolsFolder != "" {
		os.RemoveAll(toolsFolder)
	}
	os.Exit(code)
}

func makeTools() (string, error) {
	bin, err := os.MkdirTemp("", "guides-")
	if err != nil {
		return "", err
	}
	toolsFolder = bin
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", filepath.Join(bin, "host"), "../host").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ../host: %w\n%s", err, out)
	}
	// A virtual environment is found by the path of its python, so it is started
	// by that path.
	python := strings.ReplaceAll(os.Getenv("PATHLINE_PYTHON"), "'", `'\''`)
	script := "#!/bin/sh\nexec '" + python + "' \"$@\"\n"
	return bin, os.WriteFile(filepath.Join(bin, "python3"), []byte(script), 0o755)
}

// attribute is a word NAME=VALUE after the language of a block.
func (b block) attribute(name string) string {
	for _, w := range b.words {
		if v, ok := strings.CutPrefix(w, name+"="); ok {
			return v
		}
	}
	return ""
}

// reader is somebody who works through a page.
type reader struct {
	dir, root string
	tmp       string // for /tmp of the page, which other readers use too; ~/src/pathline is this tree
	env       []string
	torch     bool
	running   []*background
}

func workThrough(t *testing.T, bin string, all []block) {
	t.Helper()
	python := os.Getenv("PATHLINE_PYTHON")
	uses := func(word string) bool {
		return slices.ContainsFunc(all, func(b block) bool { return b.language == "console" && strings.Contains(b.text, word) })
	}
	if python == "" && uses("python3") {
		t.Skip(noPython)
	}
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("the commands of the guides are written for bash, which is not here")
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{dir: t.TempDir(), root: root, tmp: t.TempDir()}
	for i := range all {
		all[i].text = strings.NewReplacer("/tmp/", r.tmp+"/", "~/src/pathline", root).Replace(all[i].text)
	}
	r.env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"),
		"PYTHONPATH="+filepath.Join(root, "plugins", "python", "src"), "PYTHONDONTWRITEBYTECODE=1", "NO_COLOR=1", "COLUMNS=120", "GOWORK=off")
	if uses("torch") || slices.ContainsFunc(all, func(b block) bool { return b.attribute("needs") == "torch" }) {
		r.torch = exec.Command(python, "-c", "import torch").Run() == nil
	}
	t.Cleanup(func() {
		for _, b := range r.running {
			b.end()
		}
	})
	done, left := 0, 0
	for _, b := range all {
		if name := b.attribute("file"); name != "" {
			r.write(t, b, name)
		}
		if b.language != "console" || t.Failed() {
			continue
		}
		switch needs := b.attribute("needs"); {
		case needs == "torch" && !r.torch:
			left++
			continue
		case needs != "" && needs != "torch":
			t.Fatalf("%s: the test does not know needs=%s", b, needs)
		}
		r.run(t, b)
		done++
	}
	if done+left == 0 {
		t.Error("the page has no command")
	}
	if left > 0 {
		t.Logf("%d blocks need torch, which PATHLINE_PYTHON does not have; their Python is compiled and not run", left)
	}
}

// write writes a file of the page. Python is compiled at once, so that what
// cannot be run here is at least Python.
func (r *reader) write(t *testing.T, b block, name string) {
	t.Helper()
	if !filepath.IsLocal(name) {
		t.Fatalf("%s: %s is outside of the reader's folder", b, name)
	}
	file := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(b.text), 0o644); err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(name, ".py") {
		c := exec.Command(os.Getenv("PATHLINE_PYTHON"), "-c", "import sys; compile(open(sys.argv[1]).read(), sys.argv[1], 'exec')", file)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", b, err, out)
		}
	}
}

// command is a command of a console block and what it prints.
type command struct {
	line   int
	text   string
	prints []string
}

// commands are those of a console block: lines that begin with "$ ", continued
// by a backslash, each followed by what it prints.
func commands(t *testing.T, b block) (out []command) {
	t.Helper()
	more := false
	for i, line := range strings.Split(strings.TrimSuffix(b.text, "\n"), "\n") {
		text, is := strings.CutPrefix(line, "$ ")
		switch {
		case more:
			out[len(out)-1].text += "\n" + line
		case is:
			out = append(out, command{line: b.line + i, text: text})
		case len(out) == 0:
			t.Fatalf("%s: the block does not begin with a command", b)
		default:
			out[len(out)-1].prints = append(out[len(out)-1].prints, line)
		}
		more = strings.HasSuffix(line, "\\") && (more || is)
	}
	return out
}

// The test's bash is a new one for each command, so it changes folders itself.
var changeFolder = regexp.MustCompile(`^cd (\S+)$`)

func (r *reader) run(t *testing.T, b block) {
	t.Helper()
	all := commands(t, b)
	for i, c := range all {
		at := fmt.Sprintf("%s:%d: %s", b.page, c.line, c.text)
		if m := changeFolder.FindStringSubmatch(c.text); m != nil {
			r.dir = filepath.Join(r.dir, m[1])
			continue
		}
		if text, ok := strings.CutSuffix(c.text, " &"); ok {
			r.start(t, at, text, c.prints)
			continue
		}
		want := "0"
		if code := b.attribute("exit"); code != "" && i == len(all)-1 {
			want = code
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		var out bytes.Buffer
		cmd := exec.CommandContext(ctx, "bash", "-c", c.text)
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = r.dir, r.env, &out, &out
		began := time.Now()
		err := cmd.Run()
		cancel()
		t.Logf("%.1f s: %s", time.Since(began).Seconds(), at)
		if have := fmt.Sprint(cmd.ProcessState.ExitCode()); have != want {
			t.Fatalf("%s\nends with %s, not %s (%v):\n%s", at, have, want, err, out.String())
		}
		if len(c.prints) > 0 && !printed(c.prints, out.String()) {
			t.Fatalf("%s\nshows\n\n%s\n\nand prints\n\n%s", at, strings.Join(c.prints, "\n"), out.String())
		}
	}
}

var spaces = regexp.MustCompile(`\s+`)

// printed says whether an output is what a page shows. A line of three dots
// stands for any lines, three dots in a line for any text, and spaces for any
// number of them.
func printed(shown []string, output string) bool {
	var p strings.Builder
	p.WriteString(`^`)
	for _, line := range shown {
		line = strings.TrimSpace(spaces.ReplaceAllString(line, " "))
		if line == "..." {
			p.WriteString(`(?:.*\n)*?`)
			continue
		}
		p.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), `\.\.\.`, `.*`) + `\n`)
	}
	p.WriteString(`$`)
	var out strings.Builder
	for _, line := range strings.Split(strings.TrimRight(output, " \n"), "\n") {
		out.WriteString(strings.TrimSpace(spaces.ReplaceAllString(line, " ")) + "\n")
	}
	return regexp.MustCompile(p.String()).MatchString(out.String())
}

// background is a command that ends with "&".
type background struct {
	cmd  *exec.Cmd
	done chan struct{}

	mu   sync.Mutex
	out  bytes.Buffer
	more chan struct{}
}

func (b *background) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.out.Write(p)
	select {
	case b.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (b *background) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.String()
}

// start starts a command and waits until it has printed what the page shows.
func (r *reader) start(t *testing.T, at, text string, prints []string) {
	t.Helper()
	b := &background{done: make(chan struct{}), more: make(chan struct{}, 1)}
	b.cmd = exec.Command("bash", "-c", "exec "+text)
	b.cmd.Dir, b.cmd.Env, b.cmd.Stdout, b.cmd.Stderr = r.dir, r.env, b, b
	if err := b.cmd.Start(); err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	r.running = append(r.running, b)
	go func() {
		_ = b.cmd.Wait()
		close(b.done)
	}()
	timeout := time.NewTimer(time.Minute)
	defer timeout.Stop()
	for !printed(append(slices.Clone(prints), "..."), b.text()) {
		select {
		case <-b.more:
		case <-b.done:
			t.Fatalf("%s\nhas ended:\n%s", at, b.text())
		case <-timeout.C:
			t.Fatalf("%s\ndoes not print\n\n%s\n\nbut\n\n%s", at, strings.Join(prints, "\n"), b.text())
		}
	}
}

func (b *background) end() {
	_ = b.cmd.Process.Signal(os.Interrupt)
	select {
	case <-b.done:
	case <-time.After(5 * time.Second):
		_ = b.cmd.Process.Kill()
		<-b.done
	}
}
