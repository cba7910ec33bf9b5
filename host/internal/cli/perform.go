package cli

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/pathline/pathline/host/internal/ui"
	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// performFlags are the flags of every command that runs stages.
type performFlags struct {
	threads   int
	memory    sizeFlag
	quiet     bool
	logLevel  choice
	logFormat choice
	events    choice
}

func (f *performFlags) add(cmd *cobra.Command) {
	f.logLevel = choice{value: "warn", allowed: []string{"trace", "debug", "info", "warn", "error", "off"}}
	f.logFormat = choice{value: "text", allowed: []string{"text", "json"}}
	f.events = choice{allowed: []string{"ndjson"}}
	cmd.Flags().IntVar(&f.threads, "threads", 0, "use `N` threads (default: as many as there are cores); results do not depend on it")
	cmd.Flags().Var(&f.memory, "memory", "`SIZE` that a stage may hold in memory, as in 2GiB (default 512MiB)")
	cmd.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "print errors and nothing else")
	cmd.Flags().Var(&f.logLevel, "log-level", "which log lines go to standard error")
	cmd.Flags().Var(&f.logFormat, "log-format", "how log lines are written")
	cmd.Flags().Var(&f.events, "events", "print every event as a line of JSON on standard output, and nothing else there")
	f.logLevel.complete(cmd, "log-level")
	f.logFormat.complete(cmd, "log-format")
	f.events.complete(cmd, "events")
}

func (f *performFlags) check(a *app, cmd *cobra.Command) error {
	if cmd.Flags().Changed("threads") && f.threads < 1 {
		return schemas.Errorf(schemas.Usage, "--threads must be at least 1, it is %d", f.threads)
	}
	if f.events.value != "" && a.json {
		return schemas.Errorf(schemas.Conflict, "--json and --events both write to standard output").Suggest("keep one of them")
	}
	return nil
}

// perform runs a pipeline and shows it. It also gives the warnings of the
// stages, for the report.
func (a *app) perform(ctx context.Context, p *pipeline.Pipeline, o pipeline.RunOptions, f performFlags) (*pipeline.Record, []string, error) {
	a.quiet = f.quiet
	d, logs := a.display(p, f)
	o.Threads, o.Memory = f.threads, f.memory.bytes
	a.logs.to(logs)
	o.Log = a.logger(&f)
	var warnings []string
	o.Events = func(e pipeline.Event) { // called one at a time
		if e.Type == pipeline.StageWarning {
			warnings = append(warnings, e.Stage+": "+e.Message)
		}
		if p.File == "" {
			e.Why = "" // of a pipeline in code there is nothing earlier
		}
		d.Event(e)
	}
	o.Stop = a.stop
	// What is said while bars are drawn goes between them.
	ended := a.safePoints(func(text string) {
		if !f.quiet {
			_, _ = io.WriteString(a.logs, text+"\n")
		}
	})
	record, err := p.Run(ctx, o)
	ended()
	a.logs.to(a.Stderr)
	if e := d.Close(); e != nil && err == nil {
		err = pipeline.FileError(e)
	}
	return record, warnings, err
}

// display picks how the run is shown; logs is where lines for standard error
// go meanwhile.
func (a *app) display(p *pipeline.Pipeline, f performFlags) (d ui.Display, logs io.Writer) {
	o := ui.Options{}
	for _, n := range p.Graph().Nodes {
		o.Name = max(o.Name, min(len(n.Name), 24))
	}
	bars := func(w io.Writer) (ui.Display, io.Writer) {
		o.Colour = a.colour(w)
		f, _ := fileOf(w)
		d := ui.Bars(f, o)
		if a.terminal(a.Stderr) {
			return d, d
		}
		return d, a.Stderr
	}
	switch {
	case f.events.value != "":
		return ui.NDJSON(a.Stdout, a.Stderr), a.Stderr
	case f.quiet:
		return ui.Quiet(a.Stderr), a.Stderr
	case a.json && a.terminal(a.Stderr):
		return bars(a.Stderr)
	case a.json:
		return ui.Quiet(a.Stderr), a.Stderr
	case a.terminal(a.Stdout):
		return bars(a.Stdout)
	}
	return ui.Lines(a.Stdout, o), a.Stderr
}

// logger writes to a.logs; without flags, warnings as text.
func (a *app) logger(f *performFlags) zerolog.Logger {
	level, format := "warn", "text"
	if f != nil {
		level, format = f.logLevel.value, f.logFormat.value
	}
	if level == "off" {
		return zerolog.Nop()
	}
	least, err := zerolog.ParseLevel(level)
	if err != nil {
		least = zerolog.WarnLevel
	}
	var w io.Writer = a.logs
	if format == "text" {
		text := zerolog.ConsoleWriter{Out: w, NoColor: !a.colour(a.Stderr), TimeFormat: time.TimeOnly}
		if least > zerolog.DebugLevel {
			text.FieldsExclude = []string{"stack"} // for developers
		}
		w = text
	}
	return zerolog.New(zerolog.SyncWriter(w)).Level(least).With().Timestamp().Logger()
}

// relay is where log lines go: standard error, or between the bars while some
// are drawn.
type relay struct {
	mu sync.Mutex
	w  io.Writer
}

// Write writes.
func (r *relay) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.w.Write(b)
}

func (r *relay) to(w io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.w = w
}
