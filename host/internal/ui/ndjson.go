package ui

import (
	"encoding/json"
	"io"
	"math"
	"sync"

	"github.com/pathline/pathline/pipeline"
)

// NDJSON writes every event to w as one line of JSON. JSON has no infinities:
// values that are not finite are left out. What is written to the Display goes
// to other.
func NDJSON(w, other io.Writer) Display { return &ndjson{w: w, other: other} }

type ndjson struct {
	mu    sync.Mutex
	w     io.Writer
	other io.Writer
	err   error
}

func (n *ndjson) Event(e pipeline.Event) {
	finite := map[string]float64{}
	for k, v := range e.Values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			finite[k] = v
		}
	}
	e.Values = finite
	line, err := json.Marshal(e)
	n.mu.Lock()
	defer n.mu.Unlock()
	if err == nil {
		_, err = n.w.Write(append(line, '\n'))
	}
	if n.err == nil {
		n.err = err
	}
}

func (n *ndjson) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.other.Write(b)
}

// Close gives the first error of writing.
func (n *ndjson) Close() error { return n.err }
