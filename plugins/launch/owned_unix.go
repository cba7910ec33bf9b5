//go:build unix

package launch

import (
	"io/fs"
	"os"
	"syscall"
)

// owned says whether a file is of the user who runs this.
func owned(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int64(s.Uid) == int64(os.Getuid())
}
