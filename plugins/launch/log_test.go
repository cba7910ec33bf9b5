package launch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/rs/zerolog"
)

// Lines of any flavour become one event each, at their level and with their
// message.
func TestLinesOfAnyFlavour(t *testing.T) {
	for _, c := range []struct{ line, level, message string }{
		{`{"@level":"warn","@message":"hclog","@timestamp":"x","a":1}`, "warn", "hclog"},
		{`{"level":"error","message":"zerolog"}`, "error", "zerolog"},
		{`{"time":"t","level":"WARN","msg":"slog"}`, "warn", "slog"},
		{`{"event":"structlog","level":"info","logger":"x"}`, "info", "structlog"},
		{`{"@message":5,"@level":null}`, "info", "5"},
		{`{"message":{"a":[1,2]}}`, "info", "map[a:[1 2]]"},
		{`{}`, "info", ""},
		{`{"level":"error"`, "info", `{"level":"error"`},
		{`{"level":"error"} trailing`, "error", ""},
		{`[ERROR] boom`, "error", `[ERROR] boom`},
		{`2024-01-01 12:00:00 WARNING careful`, "warn", "2024-01-01 12:00:00 WARNING careful"},
		{`level=debug msg=logfmt`, "debug", `level=debug msg=logfmt`},
		{`WARNING:root:python`, "warn", `WARNING:root:python`},
		{`an error is mentioned late in this line`, "info", `an error is mentioned late in this line`},
		{"\x00\xff\x1b[2J\x00", "info", "\ufffd[2J\ufffd"},
		{"\x1b[31mred\x1b[0m", "info", "red"},
		{" 10%\r 20%\r", "info", " 20%"},
		{`{"message":"\u001b]0;title\u0007","k\u001b":["\u202ex"]}`, "info", "\ufffd]0;title\ufffd"},
	} {
		e := logged(t, c.line)
		if len(e) != 1 {
			t.Errorf("%q became %d events", c.line, len(e))
			continue
		}
		m, _ := e[0]["message"].(string)
		if e[0]["level"] != c.level || m != c.message {
			t.Errorf("%q became %v", c.line, e[0])
		}
	}
}

func logged(t *testing.T, lines ...string) []map[string]any {
	t.Helper()
	var b bytes.Buffer
	l := &logger{out: zerolog.New(&b)}
	for _, s := range lines {
		l.line(printable(s))
	}
	l.Close()
	var out []map[string]any
	for _, s := range strings.Split(strings.TrimSpace(b.String()), "\n") {
		if strings.ContainsFunc(s, unicode.IsControl) || strings.Contains(s, `\u001b`) || strings.Contains(s, `\u0000`) {
			t.Errorf("this reaches a terminal: %q", s)
		}
		var m map[string]any
		if err := json.Unmarshal([]byte(s), &m); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		out = append(out, m)
	}
	return out
}

// A trace is one event, an error; what stands around it is not of it.
func TestTraces(t *testing.T) {
	for _, trace := range []string{
		"Traceback (most recent call last):\n  File x\n    y()\nValueError: no",
		"Traceback (most recent call last):\n  File x\nKeyError: 1\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File z\nValueError: no",
		"  + Exception Group Traceback (most recent call last):\n  |   File x\n  | ExceptionGroup: two\n  +-+---------------- 1 ----------------",
		"Current thread 0x00007f11 [python] (most recent call first):\n  File \"x.py\", line 3 in f\n  File \"x.py\", line 9 in <module>",
	} {
		lines := append(append([]string{"before"}, strings.Split(trace, "\n")...), "WARNING after", "more")
		e := logged(t, lines...)
		if len(e) < 4 || e[0]["message"] != "before" || e[1]["level"] != "error" || !strings.HasPrefix(trace, e[1]["message"].(string)) || e[len(e)-1]["message"] != "more" {
			t.Errorf("%q became %v", trace, e)
		}
		if want := "WARNING after"; len(e) == 4 && (e[1]["message"] != trace || e[2]["message"] != want || e[2]["level"] != "warn") {
			t.Errorf("%q became %v", trace, e)
		}
	}
	panics := "panic: no\n\ngoroutine 1 [running]:\nmain.main()\n\t/x.go:3"
	e := logged(t, append(append([]string{"before"}, strings.Split(panics, "\n")...), `{"level":"info","message":"json"}`, "plain")...)
	if len(e) != 4 || e[1]["level"] != "error" || e[1]["message"] != panics || e[2]["message"] != "json" || e[3]["message"] != "plain" {
		t.Errorf("a panic became %v", e)
	}
	// One without end is cut.
	long := []string{"panic: no"}
	for range 3 * traceLines {
		long = append(long, "x")
	}
	var b bytes.Buffer
	l := &logger{out: zerolog.New(&b)}
	for _, s := range long {
		l.trace.takes(s)
	}
	l.Close()
	if n := strings.Count(b.String(), `\n`); n != traceLines || !strings.Contains(b.String(), fmt.Sprintf("(%d lines more)", 2*traceLines+1)) {
		t.Errorf("a trace of %d lines became %d", len(long), n)
	}
}

// A plugin that logs without end fills neither the log nor memory, and every
// line that is left out is counted.
func TestFlood(t *testing.T) {
	var b bytes.Buffer
	out := zerolog.New(&b)
	var f flood
	now := time.Unix(1000, 0)
	passed, left, logged := 0, 0, 0
	for range 5 {
		for range 3 * linesPerSecond {
			now = now.Add(time.Second / (2 * linesPerSecond))
			if f.let(out, now) {
				passed++
			}
		}
	}
	f.report(out)
	for _, s := range strings.Split(strings.TrimSpace(b.String()), "\n") {
		var m struct {
			Level string
			Lines int
		}
		if err := json.Unmarshal([]byte(s), &m); err != nil || m.Level != "warn" {
			t.Fatal(s, err)
		}
		left, logged = left+m.Lines, logged+1
	}
	if passed+left != 15*linesPerSecond || passed < 7*linesPerSecond || passed > 8*linesPerSecond || logged > 9 {
		t.Errorf("%d lines passed, %d were left out, in %d events", passed, left, logged)
	}
}

// Lines are the same however they are cut into writes; long ones are cut.
func TestLines(t *testing.T) {
	text := "a\r\n\nb" + strings.Repeat("x", maxLine) + "yy\nlast"
	for _, step := range []int{1000, 65536, len(text)} {
		var got []string
		l := &lines{take: func(s string) { got = append(got, s) }}
		for at := 0; at < len(text); at += step {
			fmt.Fprint(l, text[at:min(at+step, len(text))])
		}
		l.Close()
		if len(got) != 4 || got[0] != "a" || got[1] != "" || got[3] != "last" || !strings.HasSuffix(got[2], "x ... (3 bytes more)") {
			t.Errorf("in writes of %d: %d lines", step, len(got))
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add(`{"@message":5}`)
	f.Add("panic: x")
	f.Fuzz(func(t *testing.T, s string) {
		var b bytes.Buffer
		l := &logger{out: zerolog.New(&b)}
		for _, s := range strings.Split(s, "\n") {
			l.line(printable(s))
		}
		l.Close()
		text := strings.NewReplacer(`\t`, "", `\n`, "", "\n", "").Replace(b.String())
		for _, bad := range []string{`\u00`, `\r`, "\u202e"} {
			if strings.Contains(strings.ReplaceAll(text, `\\`, ""), bad) {
				t.Errorf("%q reaches a terminal in %s", bad, text)
			}
		}
		if len(b.String()) > 20*len(s)+1000 {
			t.Errorf("%d bytes became %d", len(s), b.Len())
		}
	})
}

func TestEnvironmentIsAListOfWhatIsAllowed(t *testing.T) {
	got := environment([]string{"PATH=/bin", "SECRET_TOKEN=x", "AWS_SECRET_ACCESS_KEY=y", "CUDA_VISIBLE_DEVICES=0", "odd"},
		map[string]string{"MINE": "1", "PATH": "/own"})
	if s := strings.Join(got, " "); s != "CUDA_VISIBLE_DEVICES=0 MINE=1 PATH=/own" {
		t.Error(s)
	}
}

func TestTail(t *testing.T) {
	var tail tail
	for i := range 1000 {
		tail.add(fmt.Sprint(i))
	}
	if l := tail.last(tailLines + 5); len(l) != tailLines || l[len(l)-1] != "999" || l[0] != "800" {
		t.Errorf("%d lines from %s to %s", len(l), l[0], l[len(l)-1])
	}
}
