package conform

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Case is one thing that a plugin must do.
type Case struct {
	ID       string // group/what, as in path/derivative
	Kind     string // of the implementations that it looks at; "" looks at the plugin as a whole, "*" at every implementation
	Sentence string // of the contract
	Chaos    bool   // a host that breaks the protocol, or a process that is killed: run with Options.Chaos

	// run returns nil, what is wrong, or a skip. i is nil when the kind is "".
	run func(ctx context.Context, s *subject, i *implementation) error
}

// Cases lists all cases, in the order in which they run.
func Cases() []Case {
	return slices.Concat(handshakeCases(), describeCases(), validateCases(), sessionCases(), pathCases(), couplingCases(),
		solverCases(), modelCases(), transformCases(), loaderCases(), writerCases(), samplerCases(), likelihoodCases(),
		trainerCases(), evaluatorCases(), chaosCases())
}

// Status is how a case ended.
type Status string

// The statuses of a case.
const (
	Pass Status = "pass"
	Fail Status = "fail"
	Skip Status = "skip"
)

// Result is the outcome of one case for the plugin or for one implementation.
type Result struct {
	ID             string        `json:"id"`
	Implementation string        `json:"implementation,omitempty"` // kind/name
	Status         Status        `json:"status"`
	Sentence       string        `json:"sentence"`
	Message        string        `json:"message,omitempty"` // what was expected and seen, or why it was skipped
	Seconds        float64       `json:"seconds"`
	took           time.Duration // of Seconds
}

// skipped is a reason not to run a case.
type skipped string

func (s skipped) Error() string { return string(s) }

func skipf(format string, args ...any) error { return skipped(fmt.Sprintf(format, args...)) }

// identifier makes the end of an ID from the name of a law.
func identifier(name string) string { return strings.ReplaceAll(name, " ", "-") }

// firstLines keeps messages readable where many rows say the same.
func firstLines(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	if len(lines) > n {
		lines = append(lines[:n], fmt.Sprintf("... and %d lines more", len(lines)-n))
	}
	return strings.Join(lines, "\n")
}
