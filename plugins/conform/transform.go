package conform

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/transform"
	"github.com/pathline/pathline/stages/transform/transformtest"
)

func transformCases() []Case {
	return append(lawCases("transform", "", transformtest.Laws(), fitted), []Case{
		{ID: "transform/rows", Kind: "transform", run: transformRows,
			Sentence: "Every split keeps its name and its rows, in the schema that check promised."},
		{ID: "transform/one-to-one", Kind: "transform", run: oneToOne,
			Sentence: "Rows that differ stay different, and numbers stay numbers."},
	}...)
}

// fitted is the transform that was fitted on the toy data, as the schema of its
// rows describes it, at rows where data lies.
func fitted(ctx context.Context, s *subject, i *implementation) (f transformtest.Transform, in *instance, err error) {
	in, _, out, err := transformed(ctx, s, i)
	if err != nil {
		return f, nil, err
	}
	defer func() {
		if err != nil {
			in.shut()
		}
	}()
	stage, ok := in.Stage.(transform.Stage)
	if !ok {
		return f, in, fmt.Errorf("a transform of type %T cannot be fitted again", in.Stage)
	}
	var list []struct {
		State json.RawMessage `json:"state"`
	}
	text, _ := out.Rows["train"].Schema().Metadata().GetValue(schemas.MetaTransforms)
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) != 1 {
		return f, in, fmt.Errorf("the schema of its rows has the metadata %s = %q, where a list of one transform is due", schemas.MetaTransforms, text)
	}
	d := len(toyMean)
	f.Restore = func(state json.RawMessage) (transform.Fitted, error) { return stage.Fitted(state, d) }
	if f.Fitted, err = f.Restore(list[0].State); err != nil {
		return f, in, err
	}
	data, err := numbers(ctx, toy(2, 20, toyMean, toyStd))
	for _, row := range data {
		f.X = append(f.X, row...)
	}
	return f, in, err
}

// transformed opens a transform and runs it over the toy data.
func transformed(ctx context.Context, s *subject, i *implementation) (in *instance, checked, out pipeline.Outputs, err error) {
	if in, err = s.open(ctx, i, nil); err != nil {
		return nil, checked, out, err
	}
	if checked, err = in.Check(ctx, ports("transform")); err == nil {
		out, err = in.Run(ctx, ports("transform"))
	}
	if err != nil {
		in.shut()
		return nil, checked, out, err
	}
	return in, checked, out, nil
}

func transformRows(ctx context.Context, s *subject, i *implementation) error {
	in, checked, out, err := transformed(ctx, s, i)
	if err != nil {
		return err
	}
	defer in.shut()
	if err := sameSchema(checked.Rows, out.Rows); err != nil {
		return err
	}
	for name, want := range map[string]int{"train": 1500, "test": 400} {
		rows := out.Rows[name]
		if rows == nil {
			return fmt.Errorf("the split %q is gone", name)
		}
		x, err := numbers(ctx, rows)
		if err != nil {
			return err
		}
		if len(x) != want {
			return fmt.Errorf("of %d rows of %q there come out %d", want, name, len(x))
		}
	}
	return nil
}

func oneToOne(ctx context.Context, s *subject, i *implementation) error {
	in, _, out, err := transformed(ctx, s, i)
	if err != nil {
		return err
	}
	defer in.shut()
	x, err := numbers(ctx, out.Rows["test"])
	if err != nil {
		return err
	}
	seen := map[string]int{}
	for r, row := range x {
		for j, v := range row {
			if !finite(v) {
				return fmt.Errorf("value %d of row %d is %v", j, r, v)
			}
		}
		key := fmt.Sprint(row)
		if first, ok := seen[key]; ok {
			return fmt.Errorf("rows %d and %d differ and are both mapped to %s", first, r, key)
		}
		seen[key] = r
	}
	return nil
}
