package schemas

import (
	"errors"
	"fmt"
	"strings"
)

// Reason classifies an error. The list is closed: scripts may switch on it.
type Reason string

// The reasons. The first group is found before anything starts.
const (
	Syntax          Reason = "syntax"
	UnknownKey      Reason = "unknown_key"
	DuplicateKey    Reason = "duplicate_key"
	MissingKey      Reason = "missing_key"
	WrongType       Reason = "wrong_type"
	OutOfRange      Reason = "out_of_range"
	UnknownValue    Reason = "unknown_value"
	UnknownKind     Reason = "unknown_kind"
	UnknownUse      Reason = "unknown_use"
	UnknownStage    Reason = "unknown_stage"
	UnknownSplit    Reason = "unknown_split"
	UnknownPort     Reason = "unknown_port"
	MissingPort     Reason = "missing_port"
	WrongPort       Reason = "wrong_port"
	UnknownParam    Reason = "unknown_param"
	MissingEnv      Reason = "missing_env"
	BadReference    Reason = "bad_reference"
	Conflict        Reason = "conflict"
	Cycle           Reason = "cycle"
	UnknownColumn   Reason = "unknown_column"
	ColumnType      Reason = "column_type"
	DimensionDiffer Reason = "dimension_mismatch"
	OutputPath      Reason = "output_path"
	TooLarge        Reason = "too_large"
	Version         Reason = "version"
	Usage           Reason = "usage"

	FileNotFound Reason = "file_not_found"
	FileAccess   Reason = "file_access"
	NoSpace      Reason = "no_space"
	Environment  Reason = "environment"

	CorruptFile Reason = "corrupt_file"
	NullValue   Reason = "null_value"
	NonFinite   Reason = "non_finite"
	EmptyData   Reason = "empty_data"
	Numerical   Reason = "numerical"
	StageFailed Reason = "stage_failed"
	Panic       Reason = "panic"
	Interrupted Reason = "interrupted"
	StaleInput  Reason = "stale_input"

	PluginStart    Reason = "plugin_start"
	PluginCrash    Reason = "plugin_crash"
	PluginTimeout  Reason = "plugin_timeout"
	PluginProtocol Reason = "plugin_protocol"
	PluginFault    Reason = "plugin_fault"
)

// Exit codes of the command.
const (
	ExitDone        = 0
	ExitStage       = 1
	ExitUsage       = 2
	ExitEnvironment = 3
	ExitPlugin      = 4
	ExitInterrupted = 130
)

// Advice is one row of the table of reasons.
type Advice struct {
	Reason Reason
	Exit   int
	Text   string // what it means and what to do, one sentence
}

// Reasons lists every reason with its exit code and advice, in the order of
// the constants.
var Reasons = []Advice{
	{Syntax, ExitUsage, "the file is not YAML, or not what a pipeline file holds; see the place named"},
	{UnknownKey, ExitUsage, "no such key here; `host show KIND/NAME` lists the keys of a stage"},
	{DuplicateKey, ExitUsage, "a key stands twice in one mapping; remove one"},
	{MissingKey, ExitUsage, "a required key is missing; add it"},
	{WrongType, ExitUsage, "the value has another type than the key takes"},
	{OutOfRange, ExitUsage, "the value lies outside of what the key takes"},
	{UnknownValue, ExitUsage, "the value is not one of those that the key takes"},
	{UnknownKind, ExitUsage, "no such kind of stage; `host show` lists the kinds"},
	{UnknownUse, ExitUsage, "no such implementation of this kind; `host show KIND` lists them"},
	{UnknownStage, ExitUsage, "a reference names a stage that the file does not have"},
	{UnknownSplit, ExitUsage, "a reference names a split that the stage does not give"},
	{UnknownPort, ExitUsage, "the kind has no input of that name"},
	{MissingPort, ExitUsage, "an input that has no default is not joined"},
	{WrongPort, ExitUsage, "the input takes another kind of stage"},
	{UnknownParam, ExitUsage, "a parameter is used or set that `params:` does not declare"},
	{MissingEnv, ExitUsage, "an environment variable is not set; set it or write ${env:NAME:-default}"},
	{BadReference, ExitUsage, "a ${...} or a name.split is not well formed"},
	{Conflict, ExitUsage, "two settings exclude each other; keep one"},
	{Cycle, ExitUsage, "stages wait for each other; break the circle"},
	{UnknownColumn, ExitUsage, "the data has no such column"},
	{ColumnType, ExitUsage, "the column has a type that cannot be used here"},
	{DimensionDiffer, ExitUsage, "two parts have different numbers of columns"},
	{OutputPath, ExitUsage, "outputs stay inside of the output folder"},
	{TooLarge, ExitUsage, "the input is larger than the stated limit"},
	{Version, ExitUsage, "the file is of a version that this host does not read"},
	{Usage, ExitUsage, "the arguments of the command are wrong; see --help"},
	{FileNotFound, ExitEnvironment, "a file is missing; paths are relative to the pipeline file"},
	{FileAccess, ExitEnvironment, "a file or folder cannot be read or written"},
	{NoSpace, ExitEnvironment, "the disk is full; free some space and run again with --resume"},
	{Environment, ExitEnvironment, "the machine lacks something that is needed"},
	{CorruptFile, ExitStage, "a file is damaged or is not what its name says; restore it"},
	{NullValue, ExitStage, "a row has a null; set `nulls: drop` on the loader or fill the column"},
	{NonFinite, ExitStage, "a number is infinite or not a number"},
	{EmptyData, ExitStage, "there are no rows where some are needed"},
	{Numerical, ExitStage, "a computation did not converge; see the message for what to change"},
	{StageFailed, ExitStage, "a stage failed"},
	{Panic, ExitStage, "a stage hit a programming error; please report it with the stack that --log-level debug shows"},
	{Interrupted, ExitInterrupted, "the run was interrupted; `--resume` goes on where it stopped"},
	{StaleInput, ExitUsage, "--only needs the results of other stages, and they are missing or out of date; run those too"},
	{PluginStart, ExitPlugin, "a plugin did not start; run its command by hand to see why"},
	{PluginCrash, ExitPlugin, "a plugin process ended while it was needed; its last lines say why, and `--resume` goes on with what was done before"},
	{PluginTimeout, ExitPlugin, "a plugin did not answer in time; see start_timeout, call_timeout, stall_timeout"},
	{PluginProtocol, ExitPlugin, "a plugin answered with something that the protocol does not allow; `host plugin test` shows its author what"},
	{PluginFault, ExitStage, "a plugin reported an error of its own"},
}

// Exit is the exit code of a reason.
func (r Reason) Exit() int {
	for _, a := range Reasons {
		if a.Reason == r {
			return a.Exit
		}
	}
	return ExitStage
}

// Error is an error that a user reads: where, what, and what to do. Line and
// Column count from 1 and are 0 when there is no place in a file.
type Error struct {
	Reason     Reason `json:"reason"`
	Message    string `json:"message"`
	File       string `json:"file,omitempty"`
	Line       int    `json:"line,omitempty"`
	Column     int    `json:"column,omitempty"`
	Width      int    `json:"-"` // characters to underline
	Path       string `json:"path,omitempty"`
	Suggestion string `json:"suggestion,omitempty"`
	Source     string `json:"-"` // the line of the file, for the caret
	Cause      error  `json:"-"`
}

// Errorf makes an error without a place.
func Errorf(r Reason, format string, args ...any) *Error {
	e := fmt.Errorf(format, args...)
	return &Error{Reason: r, Message: e.Error(), Cause: errors.Unwrap(e)}
}

// At names the place inside of a configuration, as in columns[2] or
// optimizer.lr; check turns it into a line and a column.
func (e *Error) At(path string) *Error { e.Path = path; return e }

// Suggest adds what to do.
func (e *Error) Suggest(s string) *Error { e.Suggestion = s; return e }

// Error is the message in one line: file:line:col: path: message; suggestion.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
		}
		b.WriteString(": ")
	}
	if e.Path != "" {
		b.WriteString(e.Path)
		b.WriteString(": ")
	}
	b.WriteString(e.Message)
	if e.Suggestion != "" {
		b.WriteString("; ")
		b.WriteString(e.Suggestion)
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Errors flattens joined errors into a list; what is no *Error becomes one
// with the reason otherwise.
func Errors(err error, otherwise Reason) []*Error {
	if err == nil {
		return nil
	}
	var one *Error
	if e, ok := err.(*Error); ok {
		return []*Error{e}
	}
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*Error
		for _, e := range j.Unwrap() {
			all = append(all, Errors(e, otherwise)...)
		}
		return all
	}
	if errors.As(err, &one) {
		// A wrapped error keeps its reason, its place and its advice, said once, under
		// the longer message.
		c := *one
		c.Message, c.Cause = strings.Replace(err.Error(), one.Error(), one.Message, 1), err
		return []*Error{&c}
	}
	return []*Error{{Reason: otherwise, Message: err.Error(), Cause: err}}
}
