package pipeline

import (
	"context"
	"encoding/json"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/rs/zerolog"

	"github.com/pathline/pathline/schemas"
)

// Stage is one configured implementation in one pipeline. The framework calls
// Check any number of times, then Run at most once; never concurrently.
type Stage interface {
	// Check says what the stage would give, from what its inputs would give:
	// schemas of rows, services, the description of a flow. It may read the
	// header of a file, but does no work and starts nothing. Errors are
	// *schemas.Error values, joined; At names the key of the configuration, or
	// "from.PORT".
	Check(ctx context.Context, in Inputs) (Outputs, error)

	// Run does the work. Rows that it returns may be lazy: they are computed
	// when they are opened. Everything that Run started has ended when it, or
	// the stream that it returned, ends.
	Run(ctx context.Context, in Inputs) (Outputs, error)
}

// Inputs are the outputs of producers, by port.
type Inputs map[string]Input

// Input is what arrives at a port.
type Input struct {
	From    string // the stage, or "" for a default or a file
	Split   string
	Rows    Rows            // when the port takes rows
	Splits  map[string]Rows // all splits of the producer, when the reference names none
	Service any             // when it takes a service
	Flow    any             // when it takes a flow: *flow.Source, known to stages only
}

// Outputs are what a stage gives.
type Outputs struct {
	Rows    map[string]Rows // by split; "" is all rows
	Service any
	Flow    any
	Files   []string           // names of files written through Env.Create, beside rows
	Summary map[string]any     // numbers worth keeping in run.json: dropped rows, evaluations, best loss
	Report  []ReportItem       // what the report page draws
	Metrics map[string]float64 // headline numbers
}

// ReportItem is data for the report page; host knows the types of Data.
type ReportItem struct {
	Kind string // training, likelihood, quality, trajectory
	Data any
}

// Env is what a stage gets from its surroundings. Nothing else is global.
type Env struct {
	Stage   string // the name in the file
	Seed    uint64 // of the pipeline
	Dir     string // folder of the pipeline file: input paths are relative to it
	Out     string // output folder; empty while checking
	State   string // private folder of this stage inside of Out, kept between runs
	Threads int
	Memory  int64  // bytes that the stage may hold at a time
	Resume  bool   // continue from what State holds
	Key     string // identity of this piece of work; a checkpoint of another key is not continued
	Log     zerolog.Logger
	Alloc   memory.Allocator
	Emit    func(Event)

	// Stop is closed at the first interrupt: a long stage stops at its next
	// safe point, saves, and returns ErrInterrupted. ctx ends at the second.
	Stop <-chan struct{}

	// Config is the resolved configuration as JSON, as run.json keeps it.
	Config json.RawMessage
}

// Fingerprinter is a stage whose outputs depend on bytes outside of the
// pipeline: a loader names what it reads, so that a change is noticed.
type Fingerprinter interface {
	Fingerprint(ctx context.Context) (string, error)
}

// Restorer is a stage that can give its outputs again from files that an
// earlier run left, without doing the work: what a trainer must be.
type Restorer interface {
	Restore(ctx context.Context, in Inputs) (Outputs, error)
}

// ErrInterrupted is what a stage returns when it stopped at a safe point
// because Env.Stop was closed.
var ErrInterrupted error = &schemas.Error{Reason: schemas.Interrupted, Message: "interrupted", Suggestion: "run again with --resume to go on where it stopped"}

// Service makes a stage of a service that needs no inputs beyond those that
// build got: Check and Run give the same value.
func Service(build func(ctx context.Context, in Inputs) (any, error)) Stage {
	return serviceStage(build)
}

type serviceStage func(ctx context.Context, in Inputs) (any, error)

func (s serviceStage) Check(ctx context.Context, in Inputs) (Outputs, error) {
	v, err := s(ctx, in)
	return Outputs{Service: v}, err
}

func (s serviceStage) Run(ctx context.Context, in Inputs) (Outputs, error) { return s.Check(ctx, in) }
