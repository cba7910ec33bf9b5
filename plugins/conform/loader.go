package conform

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"github.com/pathline/pathline/pipeline"
)

func loaderCases() []Case {
	return []Case{
		{ID: "loader/schema", Kind: "loader", run: loaderSchema,
			Sentence: "The columns, splits and counts that check promises are those that run gives."},
		{ID: "loader/count", Kind: "loader", run: loaderCount,
			Sentence: "Reading gives as many rows as the count says, the same rows in the same order each time."},
		{ID: "loader/splits", Kind: "loader", run: disjoint,
			Sentence: "No row is in two splits."},
		{ID: "loader/close-early", Kind: "loader", run: closeEarly,
			Sentence: "A reading may be closed at any time; another one starts from the first row."},
	}
}

// loaded opens a loader and runs it. A loader whose files are not there is not
// tested.
func loaded(ctx context.Context, s *subject, i *implementation) (in *instance, checked, out pipeline.Outputs, err error) {
	if in, err = s.open(ctx, i, nil); err != nil {
		return nil, checked, out, err
	}
	if checked, err = in.Check(ctx, pipeline.Inputs{}); err == nil {
		if out, err = in.Run(ctx, pipeline.Inputs{}); err == nil && len(out.Rows) == 0 {
			err = fmt.Errorf("with %s it gives no rows", i.config)
		}
	}
	if err != nil {
		in.shut()
		return nil, checked, out, err
	}
	return in, checked, out, nil
}

func loaderSchema(ctx context.Context, s *subject, i *implementation) error {
	in, checked, out, err := loaded(ctx, s, i)
	if err != nil {
		return err
	}
	defer in.shut()
	return sameSchema(checked.Rows, out.Rows)
}

func loaderCount(ctx context.Context, s *subject, i *implementation) error {
	in, _, out, err := loaded(ctx, s, i)
	if err != nil {
		return err
	}
	defer in.shut()
	for _, name := range slices.Sorted(maps.Keys(out.Rows)) {
		var first []byte
		for range 2 {
			h := sha256.New()
			n, err := digest(ctx, h, out.Rows[name])
			if err != nil {
				return err
			}
			if want := out.Rows[name].Count(); want >= 0 && n != want {
				return fmt.Errorf("the split %q says that it has %d rows and gives %d", name, want, n)
			}
			if sum := h.Sum(nil); first == nil {
				first = sum
			} else if !slices.Equal(first, sum) {
				return fmt.Errorf("the split %q gives other rows when it is read again", name)
			}
		}
	}
	return nil
}

func disjoint(ctx context.Context, s *subject, i *implementation) error {
	in, _, out, err := loaded(ctx, s, i)
	if err != nil {
		return err
	}
	defer in.shut()
	delete(out.Rows, "") // all rows
	if len(out.Rows) < 2 {
		return skipf("it gives one table")
	}
	type place struct {
		split string
		row   int
	}
	seen := map[[sha256.Size]byte]place{}
	for _, name := range slices.Sorted(maps.Keys(out.Rows)) {
		rows, err := rowHashes(ctx, out.Rows[name])
		if err != nil {
			return err
		}
		for r, h := range rows {
			if p, ok := seen[h]; ok && p.split != name {
				return fmt.Errorf("row %d of %q is row %d of %q", r, name, p.row, p.split)
			}
			seen[h] = place{name, r}
		}
	}
	return nil
}

func closeEarly(ctx context.Context, s *subject, i *implementation) error {
	in, _, out, err := loaded(ctx, s, i)
	if err != nil {
		return err
	}
	defer in.shut()
	for _, rows := range out.Rows {
		var first string
		for n := range 3 {
			stream, err := rows.Open(ctx)
			if err != nil {
				return err
			}
			rec, err := stream.Next(ctx)
			if err != nil {
				stream.Close()
				return err
			}
			text := fmt.Sprint(rec)
			rec.Release()
			if err := stream.Close(); err != nil {
				return fmt.Errorf("closing after the first batch: %w", err)
			}
			if n == 0 {
				first = text
			} else if text != first {
				return fmt.Errorf("after a reading that was closed the next one does not start from the first row")
			}
		}
	}
	return nil
}
