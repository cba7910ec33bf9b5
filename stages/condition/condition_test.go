package condition_test

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pathline/pathline/stages/condition"
)

// fitted are two conditions, learned from four rows.
func fitted(t *testing.T) condition.Columns {
	t.Helper()
	fit := condition.NewFit(condition.Columns{
		{Name: "label", Type: "int64", Kind: condition.Category},
		{Name: "size", Type: "float32", Width: 2, Kind: condition.Number},
		{Name: "word", Type: "utf8", Kind: condition.Category},
		{Name: "same", Type: "float64", Kind: condition.Number},
	})
	for i, label := range []string{"10", "9", "10", "-1"} {
		row := []condition.Value{{Text: label}, {Numbers: []float64{float64(i), 5}}, {Text: []string{"b", "a", "b", "ab"}[i]}, {Numbers: []float64{3}}}
		if err := fit.Add(row); err != nil {
			t.Fatal(err)
		}
	}
	return fit.Fitted()
}

func TestFit(t *testing.T) {
	cs := fitted(t)
	if got := cs[0].Categories; !slices.Equal(got, []string{"-1", "9", "10"}) {
		t.Errorf("numbers are sorted as %v", got)
	}
	if got := cs[2].Categories; !slices.Equal(got, []string{"a", "ab", "b"}) {
		t.Errorf("words are sorted as %v", got)
	}
	if got := []float64{cs[1].Mean[0], cs[1].Mean[1], cs[1].Std[1], cs[3].Mean[0], cs[3].Std[0]}; !slices.Equal(got, []float64{1.5, 5, 1, 3, 1}) {
		t.Errorf("means and deviations %v", got)
	}
	if got, want := cs[1].Std[0], math.Sqrt(1.25); math.Abs(got-want) > 1e-15 {
		t.Errorf("deviation %v, not %v", got, want)
	}
	if cs.Held() != 3+3+3+2 || !cs.Fitted() || cs.Check() != nil {
		t.Errorf("%d columns; %v", cs.Held(), cs.Check())
	}
}

func TestRow(t *testing.T) {
	cs := fitted(t)
	dst := make([]float32, cs.Held())
	for i := range dst {
		dst[i] = 7
	}
	if err := cs.PutRow(dst, []condition.Value{{Text: "9"}, {Numbers: []float64{1.5, 6}}, {Text: "ab"}, {Numbers: []float64{1}}}); err != nil {
		t.Fatal(err)
	}
	if want := []float32{0, 1, 0, 0, 1, 1, 0, 1, 0, -2, 1}; !slices.Equal(dst, want) {
		t.Errorf("%v, not %v", dst, want)
	}
	for want, row := range map[string][]condition.Value{
		`the category "8", which the training rows do not have; they have "-1", "9", "10"`: {{Text: "8"}, {Numbers: []float64{1, 6}}, {Text: "a"}, {Numbers: []float64{1}}},
		"1 numbers where 2": {{Text: "9"}, {Numbers: []float64{1}}, {Text: "a"}, {Numbers: []float64{1}}},
		"no finite number":  {{Text: "9"}, {Numbers: []float64{1, 6}}, {Text: "a"}, {Numbers: []float64{math.NaN()}}},
	} {
		if err := cs.PutRow(dst, row); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestFitRefuses(t *testing.T) {
	fit := condition.NewFit(condition.Columns{{Name: "a", Type: "float64", Kind: condition.Number}})
	if err := fit.Add([]condition.Value{{Numbers: []float64{math.Inf(1)}}}); err == nil {
		t.Error("infinity is learned")
	}
	fit = condition.NewFit(condition.Columns{{Name: "a", Type: "utf8", Kind: condition.Category}})
	var err error
	for i := 0; i <= condition.MaxCategories && err == nil; i++ {
		err = fit.Add([]condition.Value{{Text: strings.Repeat("x", i)}})
	}
	if err == nil || !strings.Contains(err.Error(), "more than") {
		t.Error(err)
	}
}

// What a file says of conditions is not trusted.
func TestCheck(t *testing.T) {
	for name, c := range map[string]condition.Column{
		"no name":        {Type: "utf8", Kind: condition.Category},
		"no kind":        {Name: "a", Type: "utf8"},
		"not sorted":     {Name: "a", Type: "utf8", Kind: condition.Category, Categories: []string{"b", "a"}},
		"twice":          {Name: "a", Type: "int8", Kind: condition.Category, Categories: []string{"1", "1"}},
		"wide category":  {Name: "a", Type: "utf8", Width: 2, Kind: condition.Category},
		"no deviation":   {Name: "a", Type: "float64", Kind: condition.Number, Mean: []float64{1}, Std: []float64{0}},
		"too few":        {Name: "a", Type: "float64", Width: 2, Kind: condition.Number, Mean: []float64{1}, Std: []float64{1}},
		"no mean":        {Name: "a", Type: "float64", Kind: condition.Number, Mean: []float64{math.NaN()}, Std: []float64{1}},
		"negative width": {Name: "a", Type: "float64", Width: -1, Kind: condition.Number},
	} {
		if (condition.Columns{c}).Check() == nil {
			t.Errorf("%s passes", name)
		}
	}
	cs := fitted(t)
	if err := append(cs, cs[0]).Check(); err == nil {
		t.Error("a condition stands there twice")
	}
}

func TestFromConfig(t *testing.T) {
	cs := fitted(t)
	good := map[string]any{"label": 9.0, "size": []any{1.0, 2.0}, "word": "ab", "same": 4.0}
	row, err := cs.FromConfig(good)
	if err != nil {
		t.Fatal(err)
	}
	want := []condition.Value{{Text: "9"}, {Numbers: []float64{1, 2}}, {Text: "ab"}, {Numbers: []float64{4}}}
	if !reflect.DeepEqual(row, want) {
		t.Errorf("%v, not %v", row, want)
	}
	for want, change := range map[string]func(m map[string]any){
		`"same" is missing`:       func(m map[string]any) { delete(m, "same") },
		`no condition "lable"`:    func(m map[string]any) { m["lable"] = 3.0 },
		`has the category "8"`:    func(m map[string]any) { m["label"] = 8.0 },
		`has 2 numbers, not 1`:    func(m map[string]any) { m["size"] = 1.0 },
		`made of numbers, and x`:  func(m map[string]any) { m["same"] = "x" },
		`"label" is a category`:   func(m map[string]any) { m["label"] = []any{1.0} },
		`has the category "true"`: func(m map[string]any) { m["word"] = true },
	} {
		m := map[string]any{}
		for k, v := range good {
			m[k] = v
		}
		change(m)
		if _, err := cs.FromConfig(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
