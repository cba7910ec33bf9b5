package launch

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// A folder that a host has left is cleared away at the next start; what somebody
// holds, and what is not ours, stays.
func TestFoldersThatNobodyHoldsAreCleared(t *testing.T) {
	base, err := os.MkdirTemp("/tmp", "t")
	if err != nil {
		t.Skip(err)
	}
	defer os.RemoveAll(base)
	t.Setenv("TMPDIR", base)
	folder := func(name string, files ...string) string {
		dir := filepath.Join(base, name)
		if err := os.MkdirAll(filepath.Join(dir, "plugin-dir1"), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if err := os.WriteFile(filepath.Join(dir, f), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	held, err := newSocketDir()
	if err != nil {
		t.Fatal(err)
	}
	left := folder("pl-123", lockName)
	unlocked := folder("pl-124")
	named := folder("pl-demo", lockName, "pipeline.yaml")
	target := filepath.Join(base, "target")
	if err := os.Symlink(target, filepath.Join(base, "pl-125")); err != nil {
		t.Fatal(err)
	}
	young := filepath.Join(base, "pl-126")
	old := filepath.Join(base, "pl-127")
	for _, dir := range []string{young, old} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(old, time.Time{}, time.Now().Add(-2*youngest)); err != nil {
		t.Fatal(err)
	}
	next, err := newSocketDir()
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{left, old} {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s is left", dir)
		}
	}
	for _, dir := range []string{held.name, next.name, unlocked, named, young} {
		if _, err := os.Stat(dir); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("a link was followed")
	}
	held.remove()
	next.remove()
	for _, dir := range []string{held.name, next.name} {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s is left", dir)
		}
	}
	// The lock is one that another process would see.
	d, err := newSocketDir()
	if err != nil {
		t.Fatal(err)
	}
	defer d.remove()
	if ok, _ := flock.New(filepath.Join(d.name, lockName)).TryLock(); ok {
		t.Error("the folder is not held")
	}
}
