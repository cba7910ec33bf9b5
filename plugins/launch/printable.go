package launch

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// colours are the escape sequences that loggers write for terminals.
var colours = regexp.MustCompile(`\x1b\[[0-9;:]*m`)

// printable makes a line of a plugin safe to show: colours go, and what moves a
// terminal's cursor, switches its modes or turns the direction of text becomes
// U+FFFD, however much of it there is in a row. Of a line that a program wrote
// over (a progress bar) the last state counts.
func printable(s string) string {
	if harmless(s) {
		return s
	}
	s = colours.ReplaceAllString(s, "")
	s = strings.TrimRight(s, "\r")
	s = s[strings.LastIndexByte(s, '\r')+1:]
	var b strings.Builder
	bad := false
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		if r != '\t' && (r == utf8.RuneError || unicode.IsControl(r) || turns(r)) {
			if !bad {
				b.WriteRune(utf8.RuneError)
			}
			bad = true
			continue
		}
		bad = false
		b.WriteRune(r)
	}
	return b.String()
}

func harmless(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '\t' && (c < 0x20 || c >= 0x7f) {
			return false
		}
	}
	return true
}

// turns says whether a character changes the direction of what follows
// (Unicode TR 9), or is a line separator.
func turns(r rune) bool {
	return r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 || r == 0x2028 || r == 0x2029
}

// maxFieldsDepth bounds how deep fields of a log line may nest.
const maxFieldsDepth = 20

// printableFields makes the keys and strings of a JSON object printable.
func printableFields(fields map[string]any) map[string]any {
	out, _ := printableValue(fields, 0).(map[string]any)
	return out
}

func printableValue(v any, depth int) any {
	if depth == maxFieldsDepth {
		return "..."
	}
	switch v := v.(type) {
	case string:
		return printable(v)
	case []any:
		for i := range v {
			v[i] = printableValue(v[i], depth+1)
		}
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[printable(k)] = printableValue(x, depth+1)
		}
		return out
	}
	return v
}
