package pipeline_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pathline/pathline/pipeline"
)

// A file is what was written to it, or what it was before.
func TestFilesAreCompleteOrAsTheyWere(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	holds := func(want []byte) {
		t.Helper()
		got, err := os.ReadFile(name)
		list, _ := os.ReadDir(dir)
		if err != nil || !slices.Equal(got, want) || len(list) != 1 {
			t.Errorf("%d bytes of %d, %d files, %v", len(got), len(want), len(list), err)
		}
	}
	long := slices.Repeat([]byte("0123456789"), 100_000)
	for _, n := range []int{0, 3, len(long)} {
		if err := pipeline.WriteFile(name, long[:n]); err != nil {
			t.Fatal(err)
		}
		holds(long[:n])
	}
	pieces := func(w io.Writer) error {
		for b := range slices.Chunk(long[:300_000], 7) {
			if _, err := w.Write(b); err != nil {
				return err
			}
		}
		return nil
	}
	if err := pipeline.StreamFile(name, pieces); err != nil {
		t.Fatal(err)
	}
	holds(long[:300_000])
	broken := errors.New("broken")
	if err := pipeline.StreamFile(name, func(w io.Writer) error { return errors.Join(pieces(w), broken) }); !errors.Is(err, broken) {
		t.Error(err)
	}
	holds(long[:300_000])
}
