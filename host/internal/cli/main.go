package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// Process is what a command gets from its surroundings.
type Process struct {
	Args           []string // without the program's name
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Env            func(string) (string, bool)
	// Signals delivers SIGINT and SIGTERM; nil when nobody interrupts.
	Signals <-chan os.Signal
	// Registry makes the registry of built-in stages. It is called by the
	// commands that need one.
	Registry func() *pipeline.Registry
}

// app is one execution of the command line.
type app struct {
	Process
	json bool
	// quiet leaves notes (interruptions) out.
	quiet bool
	// ran says that the arguments were in order.
	ran bool
	// printed says that the result, or the document, is out already.
	printed bool
	// captured takes what cobra prints by itself (help, completion) while a
	// document is wanted.
	captured bytes.Buffer
	// logs is where log lines go.
	logs *relay
	*interrupts
}

// Main runs one command and returns its exit code.
func Main(p Process) int {
	if p.Env == nil {
		p.Env = func(string) (string, bool) { return "", false }
	}
	a := &app{Process: p, json: wantsJSON(p.Args)}
	a.interrupts = watchSignals(p.Signals, func(text string) { a.note(text) })
	defer a.interrupts.close()
	a.Stdout = &outlet{w: a.Stdout, broken: a.interrupts.brokenPipe}
	a.Stderr = &outlet{w: a.Stderr}
	a.logs = &relay{w: a.Stderr}

	root := a.newRoot()
	root.SetArgs(a.Args)
	root.SetIn(a.Stdin)
	root.SetErr(a.Stderr)
	root.SetOut(a.Stdout)
	if a.json {
		root.SetOut(&a.captured)
		root.SetErr(&a.captured)
	}
	addCompletion(root)
	err := execute(a.ctx, root)
	if err == nil && a.json && !a.printed {
		err = a.print(result{value: map[string]string{"text": a.captured.String()}})
	}
	return a.finish(err)
}

// execute runs the command; a programming error becomes an error like any
// other, without a stack in front of the user.
func execute(ctx context.Context, root *cobra.Command) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = schemas.Errorf(schemas.Panic, "programming error: %v", p)
		}
	}()
	return root.ExecuteContext(ctx)
}

// finish reports the error, if any, and picks the exit code.
func (a *app) finish(err error) int {
	if err == nil {
		return schemas.ExitDone
	}
	var quiet alreadyReported
	if errors.As(err, &quiet) {
		return quiet.exit
	}
	if a.signal() == syscall.SIGPIPE {
		return SignalExit(syscall.SIGPIPE) // nobody reads
	}
	otherwise := schemas.StageFailed
	if !a.ran {
		otherwise = schemas.Usage
	}
	errs := a.interrupted(schemas.Errors(err, otherwise), err)
	if a.json {
		a.printErrors(errs)
	} else {
		writeErrors(a.Stderr, errs, a.colour(a.Stderr))
	}
	if code := exitCode(errs); code != schemas.ExitInterrupted {
		return code
	}
	return SignalExit(a.signal())
}

// alreadyReported is an error whose text has been printed.
type alreadyReported struct{ exit int }

func (a alreadyReported) Error() string { return "" }

// note tells a person something beside the result.
func (a *app) note(text string) {
	if !a.quiet {
		fmt.Fprintln(a.Stderr, text)
	}
}

// terminal says whether w is a terminal that can move its cursor.
func (a *app) terminal(w io.Writer) bool {
	f, ok := fileOf(w)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return false
	}
	kind, _ := a.Env("TERM")
	return kind != "dumb"
}

// fileOf is the file that w writes to.
func fileOf(w io.Writer) (*os.File, bool) {
	if o, ok := w.(*outlet); ok {
		w = o.w
	}
	f, ok := w.(*os.File)
	return f, ok
}

// outlet is a standard stream. Lines of several goroutines do not mix. When the
// reader of standard output has gone away the command is interrupted as by a
// signal: a run stops at a safe point.
type outlet struct {
	mu     sync.Mutex
	w      io.Writer
	broken func()
}

// Write writes.
func (o *outlet) Write(b []byte) (int, error) {
	o.mu.Lock()
	n, err := o.w.Write(b)
	o.mu.Unlock()
	if o.broken != nil && errors.Is(err, syscall.EPIPE) {
		o.broken()
	}
	return n, err
}

// colour says whether text on w may be coloured; see https://no-color.org.
func (a *app) colour(w io.Writer) bool {
	no, _ := a.Env("NO_COLOR")
	return no == "" && a.terminal(w)
}
