package path

import "encoding/json"

// Described is a path with the words that made it: what `kind: path` gives. A
// flow file keeps Use and Config, so that sampling and scoring need no
// pipeline file.
type Described struct {
	Path
	Use    string          // the registered name
	Config json.RawMessage // the resolved configuration
}
