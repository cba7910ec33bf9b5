package cli

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pathline/pathline/schemas"
)

func TestExcerpt(t *testing.T) {
	for _, c := range []struct {
		name, source string
		column, wide int
		text, caret  string
	}{
		{"plain", "a: {b: 1}", 5, 1, "a: {b: 1}", "    ^"},
		{"underline", "    with: {stepz: 5000}", 12, 5, "    with: {stepz: 5000}", "           ^~~~~"},
		{"tabs", "\ta:\tb", 5, 1, "    a:    b", "          ^"},
		{"tab underlined", "a\tb", 1, 3, "a    b", "^~~~~~"},
		{"wide characters", "名: x", 4, 1, "名: x", "    ^"},
		{"combining", "e\u0301: x", 5, 1, "e\u0301: x", "   ^"},
		{"past the end", "ab", 9, 4, "ab", "  ^"},
		{"empty", "", 1, 0, "", "^"},
		{"carriage return", "ab\r", 2, 9, "ab", " ^"},
		{"escapes", "a\x1b[31mb", 3, 1, "a\uFFFD[31mb", "  ^"},
	} {
		text, caret := excerpt(c.source, c.column, c.wide)
		if text != c.text || caret != c.caret {
			t.Errorf("%s:\n%q\n%q, want\n%q\n%q", c.name, text, caret, c.text, c.caret)
		}
	}
}

// TestExcerptOfLongLines: whatever the place, the line fits, and the caret
// stands under the character that was meant.
func TestExcerptOfLongLines(t *testing.T) {
	for _, length := range []int{99, 100, 101, 150, 1000, 1 << 20} {
		for _, column := range []int{1, 2, 50, 99, 101, length / 2, length - 1, length} {
			if column < 1 || column > length {
				continue
			}
			source := []byte(strings.Repeat(".", length))
			source[column-1] = 'X'
			text, caret := excerpt(string(source), column, 40)
			if n := utf8.RuneCountInString(text); n > lineWidth {
				t.Errorf("length %d, column %d: %d characters", length, column, n)
			}
			at := strings.IndexByte(caret, '^')
			if r := []rune(text); at >= len(r) || r[at] != 'X' {
				t.Errorf("length %d, column %d: the caret misses\n%s\n%s", length, column, text, caret)
			}
			if utf8.RuneCountInString(caret) > utf8.RuneCountInString(text) {
				t.Errorf("length %d, column %d: underlined past the end", length, column)
			}
		}
	}
}

func TestExitCodeOfMixedErrors(t *testing.T) {
	usage, file, plugin := schemas.Errorf(schemas.UnknownKey, "a"), schemas.Errorf(schemas.FileNotFound, "b"), schemas.Errorf(schemas.PluginCrash, "c")
	for _, c := range []struct {
		errs []*schemas.Error
		code int
	}{
		{[]*schemas.Error{usage, usage}, 2},
		{[]*schemas.Error{file}, 3},
		{[]*schemas.Error{plugin, usage}, 4},
		{[]*schemas.Error{usage, file}, 2},
	} {
		if got := exitCode(c.errs); got != c.code {
			t.Errorf("%v: %d, want %d", c.errs, got, c.code)
		}
	}
}

func TestErrorsCannotSteerATerminal(t *testing.T) {
	var b bytes.Buffer
	e := schemas.Errorf(schemas.UnknownKey, "bad \x1b[2J key\nsecond line").At("a\x07b").Suggest("try \x1b]0;x\x07")
	e.File, e.Line, e.Column, e.Source = "f\x1b.yaml", 1, 1, "\x1b[31m"
	writeErrors(&b, []*schemas.Error{e}, false)
	if strings.ContainsAny(b.String(), "\x1b\x07") {
		t.Errorf("%q", b.String())
	}
	b.Reset()
	writeErrors(&b, []*schemas.Error{e}, true)
	if !strings.Contains(b.String(), "\x1b[1;31m") {
		t.Error("no colour on a terminal")
	}
}
