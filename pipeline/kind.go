package pipeline

// Result says what a kind of stage gives to those that name it in `from:`.
type Result string

// The results. Rows flow on edges, a Service is called by the stage that uses
// it, a Flow is a file, Metrics is a table that nobody downstream reads.
const (
	GivesRows    Result = "rows"
	GivesService Result = "service"
	GivesFlow    Result = "flow"
	GivesMetrics Result = "metrics"
)

// Kind is what a stage is for. Kinds are values: a new one is registered, the
// framework has no list of them.
type Kind struct {
	Name  string
	Doc   string // one sentence
	Ports []Port // of implementations that do not name their own
	Gives Result

	// Stored kinds give rows that are expensive to make again: they are
	// written to a file once, and consumers read the file. Rows of other
	// kinds are read through, as often as they are asked for.
	Stored bool

	// SplitKey is the key of a configuration whose mapping names the splits
	// that a stage gives, so that a wrong name is found even when the stage
	// itself is not in order.
	SplitKey string

	// Splits says that outputs keep the splits of the port `data`.
	Splits bool
}

// Port is a named input of a kind.
type Port struct {
	Name     string
	Doc      string
	Takes    Result // what the producer must give
	Kind     string // for services: the kind of the producer
	Also     string // a kind whose service is accepted where Takes is a flow (an exact model)
	Optional bool
	Default  string // an implementation of Kind that is used when the port is left out
}
