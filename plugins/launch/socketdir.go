package launch

import (
	"os"
	"runtime"

	"github.com/pathline/pathline/schemas"
)

// Names of Unix sockets have at most 108 bytes on Linux and 104 elsewhere, with
// a zero at the end. go-plugin adds a folder and a name of its own, each with up
// to ten digits.
const (
	maxSocketName = 103
	addedToName   = len("/plugin-dir0123456789/plugin0123456789")
)

// socketDir makes a private folder whose name leaves room for that of a socket.
func socketDir() (string, error) {
	bases := []string{os.TempDir()}
	if runtime.GOOS != "windows" {
		bases = append(bases, "/tmp")
	}
	var last error
	for _, base := range bases {
		dir, err := os.MkdirTemp(base, "pl-")
		if err != nil {
			last = err
			continue
		}
		if runtime.GOOS == "windows" || len(dir)+addedToName <= maxSocketName {
			return dir, nil // MkdirTemp gives mode 0700
		}
		os.Remove(dir)
	}
	if last != nil {
		return "", schemas.Errorf(schemas.PluginStart, "no folder for the socket of a plugin: %w", last).
			Suggest("set TMPDIR to a short folder that can be written")
	}
	return "", schemas.Errorf(schemas.PluginStart, "the folder for temporary files, %s, has too long a name for a socket in it", os.TempDir()).
		Suggest("set TMPDIR to a short folder that can be written")
}
