package launch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"

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

// logger turns lines of a plugin into events of a log.
type logger struct {
	out   zerolog.Logger
	panic bool // a trace has begun, and ends with the process
	trace bool // a Python traceback has begun
}

// line logs one line. What it says is data: nothing in it can stop the host.
func (l *logger) line(s string) {
	if strings.TrimSpace(s) == "" {
		return
	}
	if strings.HasPrefix(s, "{") && l.json(s) {
		return
	}
	l.out.WithLevel(l.plain(s)).Msg(s)
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
	l.out.WithLevel(level).Fields(fields).Msg(message)
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

func (l *logger) plain(s string) zerolog.Level {
	switch {
	case strings.HasPrefix(s, "panic: "), strings.HasPrefix(s, "fatal error: "):
		l.panic = true
	case strings.HasPrefix(s, "Traceback (most recent call last):"):
		l.trace = true
		return zerolog.ErrorLevel
	case l.trace:
		// The line after the indented ones names the exception.
		l.trace = strings.HasPrefix(s, " ") || strings.HasPrefix(s, "\t")
		return zerolog.ErrorLevel
	}
	if l.panic {
		return zerolog.ErrorLevel
	}
	if m := levelWord.FindStringSubmatch(s); m != nil {
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
