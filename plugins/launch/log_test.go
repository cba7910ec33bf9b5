package launch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

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
		{"\x00\xff", "info", "\x00\ufffd"},
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
		l.line(s)
	}
	var out []map[string]any
	for _, s := range strings.Split(strings.TrimSpace(b.String()), "\n") {
		var m map[string]any
		if err := json.Unmarshal([]byte(s), &m); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		out = append(out, m)
	}
	return out
}

// A trace is an error in all its lines; after a traceback things go on.
func TestTraces(t *testing.T) {
	for i, e := range logged(t, "Traceback (most recent call last):", "  File x", "    y()", "ValueError: no", "going on") {
		want := "error"
		if i == 4 {
			want = "info"
		}
		if e["level"] != want {
			t.Errorf("line %d of a traceback is %v", i, e)
		}
	}
	for i, e := range logged(t, "panic: no", "", "goroutine 1 [running]:", "main.main()") {
		if e["level"] != "error" {
			t.Errorf("line %d of a panic is %v", i, e)
		}
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
		l := &logger{out: zerolog.New(&bytes.Buffer{})}
		l.line(s)
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
