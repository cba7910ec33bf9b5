package conform

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// table is the list of cases as docs/plugins-conformance.md has it.
func pageTable() string {
	var b strings.Builder
	b.WriteString("| case | looks at | what the contract says |\n|---|---|---|\n")
	for _, c := range Cases() {
		at := map[string]string{"": "the plugin", "*": "every implementation"}[c.Kind]
		if at == "" {
			at = "every " + c.Kind
		}
		if c.Chaos {
			at += ", with --chaos"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.ID, at, c.Sentence)
	}
	return b.String()
}

// The page lists every case with its sentence: CONFORM_WRITE=1 writes it.
func TestPage(t *testing.T) {
	const name = "../../docs/plugins-conformance.md"
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	from := strings.Index(text, "| case |")
	if from < 0 {
		t.Fatal("the page has no table of cases")
	}
	to := from + strings.Index(text[from:]+"\n\n", "\n\n") + 1
	if want := pageTable(); text[from:min(to, len(text))] != want {
		if os.Getenv("CONFORM_WRITE") == "" {
			t.Fatal("the table is not that of the cases: CONFORM_WRITE=1 go test ./plugins/conform -run TestPage writes it")
		}
		if err := os.WriteFile(name, []byte(text[:from]+want+text[min(to, len(text)):]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// IDs are told apart, their groups are names of files, and sentences are
// sentences.
func TestCases(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Cases() {
		group, what, ok := strings.Cut(c.ID, "/")
		if !ok || what == "" || seen[c.ID] {
			t.Errorf("ID %q is there twice, or no group/what", c.ID)
		}
		seen[c.ID] = true
		if c.Kind != "" && c.Kind != "*" && c.Kind != group {
			t.Errorf("%s is about a %s", c.ID, c.Kind)
		}
		if !strings.HasSuffix(c.Sentence, ".") || c.run == nil {
			t.Errorf("%s has the sentence %q", c.ID, c.Sentence)
		}
	}
	if len(seen) < 80 {
		t.Errorf("there are %d cases", len(seen))
	}
}
