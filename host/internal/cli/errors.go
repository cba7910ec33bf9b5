package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/pathline/pathline/schemas"
)

// exitCode is the code of the errors' class; of mixed classes the first error
// decides.
func exitCode(errs []*schemas.Error) int {
	if len(errs) == 0 {
		return schemas.ExitStage
	}
	return errs[0].Reason.Exit()
}

// Widths of an error on a terminal.
const (
	lineWidth = 100
	tabWidth  = 4
)

// writeErrors prints errors the way people read them: place, message,
// suggestion, then the line of the file with a caret.
func writeErrors(w io.Writer, errs []*schemas.Error, colour bool) {
	paint := func(code, s string) string {
		if !colour || s == "" {
			return s
		}
		return "\x1b[" + code + "m" + s + "\x1b[0m"
	}
	advised := map[schemas.Reason]bool{}
	for i, e := range errs {
		if i > 0 && (errs[i-1].Source != "" || e.Source != "") {
			fmt.Fprintln(w)
		}
		place := ""
		if e.File != "" {
			place = clean(e.File)
			if e.Line > 0 {
				place += fmt.Sprintf(":%d:%d", e.Line, e.Column)
			}
			place += ": "
		} else {
			place = "error: "
		}
		line := paint("1;31", place)
		if e.Path != "" {
			line += paint("1", clean(e.Path)) + ": "
		}
		line += message(e.Message)
		if e.Suggestion != "" {
			line += "; " + paint("36", message(e.Suggestion))
		}
		fmt.Fprintln(w, line)
		if e.Source != "" && e.Line > 0 {
			text, caret := excerpt(e.Source, e.Column, e.Width)
			fmt.Fprintf(w, "%5d | %s\n", e.Line, text)
			fmt.Fprintf(w, "%5s | %s\n", "", paint("1;31", caret))
		}
		if e.Suggestion == "" && e.Line == 0 && !advised[e.Reason] {
			advised[e.Reason] = true
			if t := advice(e.Reason); t != "" {
				fmt.Fprintln(w, "  "+paint("36", t))
			}
		}
	}
}

func advice(r schemas.Reason) string {
	for _, a := range schemas.Reasons {
		if a.Reason == r && r != schemas.StageFailed {
			return a.Text
		}
	}
	return ""
}

// excerpt shows a line of a file, cut to the width of a terminal around the
// column, and the caret under it. Columns count characters from 1; width is
// the number of characters to underline.
func excerpt(source string, column, width int) (text, caret string) {
	type cell struct {
		show string
		cols int
	}
	at := max(column-1, 0)
	// A hostile line may be megabytes long: only what can be shown is looked at.
	var cells []cell
	index, skipped := 0, false
	from := max(0, at-lineWidth)
	more := false
	for _, r := range strings.TrimRight(source, "\r\n") {
		if index >= from {
			if len(cells) > at-from+2*lineWidth {
				more = true
				break
			}
			switch {
			case r == '\t':
				cells = append(cells, cell{strings.Repeat(" ", tabWidth), tabWidth})
			case unicode.IsControl(r) || r == unicode.ReplacementChar:
				cells = append(cells, cell{"\uFFFD", 1})
			default:
				cells = append(cells, cell{string(r), runeWidth(r)})
			}
		}
		index++
	}
	at -= from
	skipped = from > 0
	at = min(at, len(cells))
	width = max(1, min(width, len(cells)-at))

	total := func(cs []cell) (n int) {
		for _, c := range cs {
			n += c.cols
		}
		return n
	}
	first, last := 0, len(cells)
	if skipped || more || total(cells) > lineWidth {
		// Keep about a third of the room for what stands before the place.
		for first < at && total(cells[first:at]) > lineWidth/3 {
			first++
		}
		for last > at+1 && total(cells[first:last]) > lineWidth-2 {
			last--
		}
		// A place near the end leaves room at the front.
		for first > 0 && total(cells[first-1:last]) <= lineWidth-2 {
			first--
		}
	}
	var b, c strings.Builder
	if first > 0 || skipped {
		b.WriteString("…")
		c.WriteString(" ")
	}
	for i := first; i < last; i++ {
		b.WriteString(cells[i].show)
		if i < at {
			c.WriteString(strings.Repeat(" ", cells[i].cols))
		}
	}
	if last < len(cells) || more {
		b.WriteString("…")
	}
	underline := 1
	if at < len(cells) {
		underline = max(1, total(cells[at:max(at+1, min(at+width, last))]))
	}
	c.WriteString("^" + strings.Repeat("~", underline-1))
	return b.String(), c.String()
}

// clean makes text from files and plugins safe for a terminal and keeps it in
// one line.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case unicode.IsControl(r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// message keeps the lines of a message, indented under the first.
func message(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n  ")
}

// runeWidth is the number of columns that a character takes: 0 for combining
// marks, 2 for the wide scripts and pictures (Unicode TR 11, in blocks).
func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1100 && r <= 0x115F, r >= 0x2E80 && r <= 0xA4CF, r >= 0xAC00 && r <= 0xD7A3, r >= 0xF900 && r <= 0xFAFF,
		r >= 0xFE30 && r <= 0xFE6F, r >= 0xFF00 && r <= 0xFF60, r >= 0xFFE0 && r <= 0xFFE6, r >= 0x1F300 && r <= 0x1FAFF, r >= 0x20000 && r <= 0x3FFFD:
		return 2
	}
	return 1
}

func displayWidth(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}
