package pipeline

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// Record is what run.json holds: what ran, why, from what, to what.
type Record struct {
	Version int                     `json:"version"`
	Name    string                  `json:"name"`
	Seed    uint64                  `json:"seed"`
	Status  string                  `json:"status"` // done, failed or interrupted
	Error   string                  `json:"error,omitempty"`
	Started time.Time               `json:"started"`
	Seconds float64                 `json:"seconds"`
	Host    HostRecord              `json:"host"`
	Plugins map[string]PluginRecord `json:"plugins,omitempty"` // by name
	Stages  map[string]StageRecord  `json:"stages"`
	Order   []string                `json:"order"`
	File    any                     `json:"file"` // the resolved pipeline file

	Out     string        `json:"-"`
	Reports []StageReport `json:"-"`
}

// HostRecord says which program ran.
type HostRecord struct {
	Version string `json:"version,omitempty"` // what RunOptions said
	SHA256  string `json:"sha256"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// PluginRecord says which plugin ran.
type PluginRecord struct {
	Plugin  string `json:"plugin"` // what it calls itself
	Version string `json:"version"`
	SHA256  string `json:"sha256"` // of its program, "" when it does not say

	Restarts int `json:"restarts,omitempty"` // how often its process died and was started again
}

// StageRecord is what happened to one stage.
type StageRecord struct {
	Kind        string                `json:"kind"`
	Use         string                `json:"use"`
	Status      string                `json:"status"`
	Why         string                `json:"why"`
	Rows        int64                 `json:"rows"`
	Seconds     float64               `json:"seconds"`               // that making the result took, in this run or earlier
	Evaluations float64               `json:"evaluations,omitempty"` // of the field, mean over rows
	Outputs     map[string]FileDigest `json:"outputs"`
	Summary     map[string]any        `json:"summary,omitempty"`
	Metrics     map[string]float64    `json:"metrics,omitempty"`
	Error       string                `json:"error,omitempty"`
}

// StageReport is what a stage has for the report page.
type StageReport struct {
	Stage, Kind, Use string
	Items            []ReportItem
}

// Statuses of a run.
const (
	RunDone        = "done"
	RunFailed      = "failed"
	RunInterrupted = "interrupted"
)

func hostRecord(version string) HostRecord {
	code, _ := CodeVersion()
	return HostRecord{Version: version, SHA256: code, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
}

func (r *Record) save() error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return WriteFile(filepath.Join(r.Out, recordFile), append(raw, '\n'))
}

// LoadRecord reads the run.json of an output folder.
func LoadRecord(out string) (*Record, error) {
	raw, err := os.ReadFile(filepath.Join(out, recordFile))
	if err != nil {
		return nil, FileError(err)
	}
	r := &Record{Out: out}
	return r, json.Unmarshal(raw, r)
}
