package launch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rs/zerolog"
)

// The keys under which loggers write level, message and time: hclog, zerolog,
// slog, structlog, zap, Python's json formatters.
var (
	levelKeys   = []string{"@level", "level", "lvl", "severity", "levelname"}
	messageKeys = []string{"@message", "message", "msg", "event"}
	timeKeys    = []string{"@timestamp", "time", "timestamp", "ts", "asctime"}
)

// logger turns lines of a plugin into events of a log. It may be used
// concurrently.
type logger struct {
	out zerolog.Logger

	mu    sync.Mutex
	flood flood
	trace trace
	flush *time.Timer // of a trace that nothing follows
}

// traceRest is how long a trace may still grow.
const traceRest = 250 * time.Millisecond

// line logs one line. What it says is data: nothing in it can stop the host.
func (l *logger) line(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.flood.let(l.out, time.Now()) {
		return
	}
	for range 2 {
		if l.trace.takes(s) {
			if l.flush == nil {
				l.flush = time.AfterFunc(traceRest, l.endTrace)
			} else {
				l.flush.Reset(traceRest)
			}
			return
		}
		l.logTrace() // and perhaps another begins
	}
	if strings.TrimSpace(s) == "" {
		return
	}
	if strings.HasPrefix(s, "{") && l.json(s) {
		return
	}
	l.out.WithLevel(plainLevel(s)).Msg(cut(s))
}

// Close logs what is left.
func (l *logger) Close() {
	l.endTrace()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flood.report(l.out)
}

func (l *logger) endTrace() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.logTrace()
}

func (l *logger) logTrace() {
	if l.flush != nil {
		l.flush.Stop()
		l.flush = nil
	}
	if text := l.trace.end(); text != "" {
		l.out.WithLevel(zerolog.ErrorLevel).Msg(text)
	}
}

// maxShown bounds the text of one event.
const maxShown = 16 << 10

func cut(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + fmt.Sprintf(" ... (%d bytes more)", len(s)-maxShown)
}

// json logs a line that is a JSON object.
func (l *logger) json(s string) bool {
	var fields map[string]any
	d := json.NewDecoder(bytes.NewReader([]byte(s)))
	d.UseNumber()
	if d.Decode(&fields) != nil || fields == nil {
		return false
	}
	level := zerolog.InfoLevel
	if v, ok := first(fields, levelKeys); ok {
		level = levelOf(fmt.Sprint(v))
	}
	message := ""
	if v, ok := first(fields, messageKeys); ok && v != nil {
		message = fmt.Sprint(v)
	}
	first(fields, timeKeys)
	delete(fields, "plugin") // ours
	if len(s) > maxShown {
		fields = nil // whatever it is, nobody reads it
	}
	l.out.WithLevel(level).Fields(printableFields(fields)).Msg(cut(printable(message)))
	return true
}

// first takes the first of the keys out of the fields.
func first(fields map[string]any, keys []string) (any, bool) {
	for _, k := range keys {
		if v, ok := fields[k]; ok {
			delete(fields, k)
			return v, true
		}
	}
	return nil, false
}

// levelWord finds a level near the start of a plain line: [INFO], level=warn,
// WARNING:root:, 2024-01-01 ERROR.
var levelWord = regexp.MustCompile(`(?i)^(?:[0-9(]\S*\s+){0,2}(?:level=|\[)?"?(trace|debug|info|warning|warn|error|critical|fatal|panic)\b`)

func plainLevel(s string) zerolog.Level {
	if m := levelWord.FindStringSubmatch(s[:min(len(s), 200)]); m != nil {
		return levelOf(m[1])
	}
	return zerolog.InfoLevel
}

func levelOf(s string) zerolog.Level {
	switch strings.ToLower(s) {
	case "trace":
		return zerolog.TraceLevel
	case "debug", "10":
		return zerolog.DebugLevel
	case "warn", "warning", "30":
		return zerolog.WarnLevel
	case "error", "critical", "fatal", "panic", "dpanic", "40", "50":
		return zerolog.ErrorLevel
	}
	return zerolog.InfoLevel
}

// quiet is the logger that go-plugin gets. Its own messages go to the log at
// debug level. The logger that it makes for lines of the plugin is off, which
// keeps its parser away from them.
type quiet struct {
	hclog.Logger
	out zerolog.Logger
}

func newQuiet(out zerolog.Logger) hclog.Logger {
	return quiet{hclog.NewNullLogger(), out}
}

// Named implements hclog.Logger.
func (quiet) Named(string) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Level: hclog.Off, Output: io.Discard})
}

// Debug implements hclog.Logger.
func (q quiet) Debug(msg string, args ...any) {
	q.out.Debug().Str("detail", strings.TrimSpace(fmt.Sprintln(args...))).Msg("go-plugin: " + msg)
}

// Warn implements hclog.Logger.
func (q quiet) Warn(msg string, args ...any) { q.Debug(msg, args...) }

// Error implements hclog.Logger.
func (q quiet) Error(msg string, args ...any) { q.Debug(msg, args...) }
