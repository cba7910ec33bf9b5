package conform

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pathline/pathline/pipeline"
)

func writerCases() []Case {
	return []Case{
		{ID: "writer/count", Kind: "writer", run: writerCount,
			Sentence: "A writer says how many rows it wrote, and the file is there; no rows make a file too."},
		{ID: "writer/round-trip", Kind: "writer", run: writerRoundTrip,
			Sentence: "A writer that says that its files are readable gives back what was written, bit for bit."},
	}
}

func writerCount(ctx context.Context, s *subject, i *implementation) error {
	w, in, err := service[pipeline.RowFile](ctx, s, i, nil)
	if err != nil {
		return err
	}
	defer in.shut()
	for _, rows := range []int{0, 1, 2500} {
		name := filepath.Join(in.env.Out, fmt.Sprintf("rows%d", rows))
		n, err := w.Write(ctx, name, toy(4, rows, toyMean, toyStd))
		if err != nil {
			return fmt.Errorf("%d rows: %w", rows, err)
		}
		if n != int64(rows) {
			return fmt.Errorf("of %d rows it says that it wrote %d", rows, n)
		}
		if info, err := os.Stat(name); err != nil || info.Size() == 0 {
			return fmt.Errorf("after writing %d rows there is no file: %v", rows, err)
		}
	}
	return nil
}

func writerRoundTrip(ctx context.Context, s *subject, i *implementation) error {
	w, in, err := service[pipeline.RowFile](ctx, s, i, nil)
	if err != nil {
		return err
	}
	defer in.shut()
	if !w.Readable() {
		return skipf("it says that its files cannot be read back")
	}
	want := toy(5, 2500, toyMean, toyStd)
	name := filepath.Join(in.env.Out, "rows")
	if _, err := w.Write(ctx, name, want); err != nil {
		return err
	}
	rows, err := w.Open(ctx, name)
	if err != nil {
		return err
	}
	if a, b := columnsOf(want.Schema()), columnsOf(rows.Schema()); a != b {
		return fmt.Errorf("columns %s were written and %s are read", a, b)
	}
	a, err := rowHashes(ctx, want)
	if err != nil {
		return err
	}
	b, err := rowHashes(ctx, rows)
	if err != nil {
		return err
	}
	if len(a) != len(b) {
		return fmt.Errorf("%d rows were written and %d are read", len(a), len(b))
	}
	for r := range a {
		if a[r] != b[r] {
			return fmt.Errorf("row %d is read as another one than was written", r)
		}
	}
	return nil
}
