package plugins

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// A socket that a killed plugin left is taken over; one that somebody listens at,
// and what is no socket, are left alone.
func TestStaleSocket(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("sockets are no files there")
	}
	dir, err := os.MkdirTemp("", "s") // short: the name of a socket has a limit
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	there := func(name string) bool {
		_, err := os.Lstat(name)
		return err == nil
	}
	listen := func(name string) *net.UnixListener {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		return l
	}
	file, dead, live := filepath.Join(dir, "f"), filepath.Join(dir, "d"), filepath.Join(dir, "l")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	listen(dead).Close()
	defer listen(live).Close()
	for _, name := range []string{file, dead, live} {
		removeStale(name)
	}
	if !there(file) || there(dead) || !there(live) {
		t.Errorf("a file is there: %v, a dead socket: %v, a live one: %v", there(file), there(dead), there(live))
	}
}
