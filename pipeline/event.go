package pipeline

import "time"

// Event is one thing that happened. Progress bars, plain lines, ndjson, logs,
// metrics and run.json are all drawn from events and from nothing else.
type Event struct {
	Time  time.Time `json:"time"`
	Type  EventType `json:"type"`
	Stage string    `json:"stage,omitempty"`

	// Progress: Done of Total in Unit ("rows", "steps"); Total is 0 when unknown.
	Done  int64  `json:"done,omitempty"`
	Total int64  `json:"total,omitempty"`
	Unit  string `json:"unit,omitempty"`

	// Values are numbers that belong to the moment: loss, lr, rows_per_second.
	Values map[string]float64 `json:"values,omitempty"`

	Status  string  `json:"status,omitempty"`
	Why     string  `json:"why,omitempty"`
	Message string  `json:"message,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	Rows    int64   `json:"rows,omitempty"`
	File    string  `json:"file,omitempty"`
}

// EventType names what happened.
type EventType string

// The types of events.
const (
	RunStarted    EventType = "run_started"
	StageStarted  EventType = "stage_started"
	StageProgress EventType = "stage_progress"
	StageWarning  EventType = "stage_warning"
	StageFile     EventType = "stage_file"
	StageEnded    EventType = "stage_ended"
	RunEnded      EventType = "run_ended"
)

// The statuses of a stage.
const (
	StatusRan         = "ran"
	StatusUpToDate    = "up-to-date"
	StatusSkipped     = "skipped"
	StatusFailed      = "failed"
	StatusInterrupted = "interrupted"
)
