package loader

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/loader/distribution"
)

// TestEveryDistributionHasAName: a file can ask for what package distribution has.
func TestEveryDistributionHasAName(t *testing.T) {
	f, _ := reflect.TypeFor[Generate]().FieldByName("Name")
	var names []string
	for _, d := range distribution.All() {
		names = append(names, d.Name)
	}
	if got := strings.Join(names, ","); got != f.Tag.Get("enum") {
		t.Errorf("the key name takes %s; there are %s", f.Tag.Get("enum"), got)
	}
}

// TestGeneratedConditions: a column that is a condition has the numbers that it has
// as data, is marked, and stands behind the data; one of the two must stay.
func TestGeneratedConditions(t *testing.T) {
	read := func(conditions ...ConditionOf) (*arrow.Schema, map[string][]float32) {
		t.Helper()
		stage, err := newGenerate(pipeline.Env{Stage: "data", Seed: 7}, Generate{Name: "moons", Rows: 100, Conditions: conditions})
		if err != nil {
			t.Fatal(err)
		}
		out, err := stage.Run(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		columns := map[string][]float32{}
		if err := pipeline.Each(context.Background(), out.Rows[""], func(rec arrow.Record) error {
			for i, f := range rec.Schema().Fields() {
				columns[f.Name] = append(columns[f.Name], rec.Column(i).(*array.Float32).Float32Values()...)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return out.Rows[""].Schema(), columns
	}
	_, want := read()
	for _, name := range []string{"x", "y"} {
		schema, got := read(ConditionOf{Use: name})
		if data, last := schema.Field(0), schema.Field(1); schemas.IsCondition(data) || !schemas.IsCondition(last) || last.Name != name {
			t.Errorf("%s is a condition: %v", name, schema)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s is a condition: the rows are others", name)
		}
	}
	for _, c := range [][]ConditionOf{{{Use: "z"}}, {{Use: "x"}, {Use: "y"}}} {
		if err := (Generate{Name: "moons", Rows: 1, Conditions: c}).Validate(); err == nil {
			t.Errorf("%v was taken", c)
		}
	}
}
