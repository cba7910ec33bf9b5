package plugins

import (
	"runtime/debug"

	"github.com/pathline/pathline/plugins/segment"
)

// What one side of a connection can do is a list of words; the other ignores
// those that it does not know.
const (
	canShare = "shm"       // shared memory for payloads
	canBeat  = "heartbeat" // signs of life while work goes on
)

// Capabilities are those of this host and of plugins that are served by this
// package, here.
func Capabilities() []string {
	out := []string{canBeat}
	if p, _, err := segment.Make(1 << 16); err == nil {
		p.Release()
		out = append(out, canShare)
	}
	return out
}

// hostVersion is the version of the module, for the record of a plugin.
func hostVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	return info.Main.Version
}
