package launch

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/pathline/pathline/schemas"
)

// Names of Unix sockets have at most 108 bytes on Linux and 104 elsewhere, with
// a zero at the end. go-plugin adds a folder and a name of its own, each with up
// to ten digits.
const (
	maxSocketName = 103
	addedToName   = len("/plugin-dir0123456789/plugin0123456789")
)

const (
	socketPrefix = "pl-"
	lockName     = ".pathline-socket"
	youngest     = time.Hour // of a folder without a lock that is cleared away
)

// socketDir is the private folder of a plugin's socket. The host holds a lock on
// a file in it: a folder whose lock is free belongs to nobody, whatever the
// numbers of processes say.
type socketDir struct {
	name string
	lock *flock.Flock
}

// newSocketDir makes a folder whose name leaves room for that of a socket, and
// clears away those of hosts that were killed.
func newSocketDir() (*socketDir, error) {
	bases := []string{os.TempDir()}
	if runtime.GOOS != "windows" {
		bases = append(bases, "/tmp")
	}
	var last error
	for _, base := range bases {
		dir, err := os.MkdirTemp(base, socketPrefix)
		if err != nil {
			last = err
			continue
		}
		if runtime.GOOS == "windows" || len(dir)+addedToName <= maxSocketName {
			d, err := held(dir) // MkdirTemp gives mode 0700
			if err != nil {
				os.RemoveAll(dir)
				return nil, schemas.Errorf(schemas.PluginStart, "the folder for the socket of a plugin: %w", err)
			}
			sweep(base)
			return d, nil
		}
		os.Remove(dir)
	}
	if last != nil {
		return nil, schemas.Errorf(schemas.PluginStart, "no folder for the socket of a plugin: %w", last).
			Suggest("set TMPDIR to a short folder that can be written")
	}
	return nil, schemas.Errorf(schemas.PluginStart, "the folder for temporary files, %s, has too long a name for a socket in it", os.TempDir()).
		Suggest("set TMPDIR to a short folder that can be written")
}

// held takes the lock before the file has the name under which others look for
// it, so that nobody finds it free.
func held(dir string) (*socketDir, error) {
	early, name := filepath.Join(dir, lockName+"-new"), filepath.Join(dir, lockName)
	if runtime.GOOS == "windows" {
		early = name // an open file cannot be renamed
	}
	l := flock.New(early)
	if ok, err := l.TryLock(); err != nil || !ok {
		_ = l.Close()
		return nil, fmt.Errorf("%s cannot be locked: %w", early, err)
	}
	if early != name {
		if err := os.Rename(early, name); err != nil {
			_ = l.Close()
			return nil, err
		}
	}
	return &socketDir{dir, l}, nil
}

func (d *socketDir) remove() {
	_ = d.lock.Close()
	os.RemoveAll(d.name)
}

// sweep removes folders that nobody holds. Errors are of no interest: folders of
// other users cannot be opened, and two hosts may sweep at a time.
func sweep(base string) {
	dirs, _ := filepath.Glob(filepath.Join(base, socketPrefix+"*"))
	for _, dir := range dirs {
		// Only our own folders: what is in those of others may lead anywhere.
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || !owned(info) || strings.Trim(filepath.Base(dir)[len(socketPrefix):], "0123456789") != "" {
			continue
		}
		name := filepath.Join(dir, lockName)
		if _, err := os.Lstat(name); err != nil {
			if time.Since(info.ModTime()) > youngest {
				os.Remove(dir) // when it is empty
			}
			continue
		}
		l := flock.New(name)
		ok, err := l.TryLock()
		_ = l.Close()
		if ok && err == nil {
			os.RemoveAll(dir)
		}
	}
}
