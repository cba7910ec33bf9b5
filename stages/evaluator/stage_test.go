package evaluator

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

func TestConstantDimensionsAreLeftOut(t *testing.T) {
	x := []float64{1, 5, 7, 2, 5, 8}
	y := []float64{3, 6, 9}
	kx, ky, kept, dropped := leaveOutConstant(x, y, []string{"a", "b", "c"})
	if !reflect.DeepEqual(kx, []float64{1, 7, 2, 8}) || !reflect.DeepEqual(ky, []float64{3, 9}) || !reflect.DeepEqual(kept, []string{"a", "c"}) || !reflect.DeepEqual(dropped, []string{"b"}) {
		t.Errorf("%v %v %v %v", kx, ky, kept, dropped)
	}
	if _, _, kept, dropped := leaveOutConstant(x[:3], y, []string{"a", "b", "c"}); len(kept) != 0 || len(dropped) != 3 {
		t.Errorf("one row: %v %v", kept, dropped)
	}
}

func TestRoomForExactRows(t *testing.T) {
	env := pipeline.Env{Memory: 512 << 20}
	if err := roomFor(env, "exact_rows", 10_000); err != nil {
		t.Errorf("10,000 rows in the usual memory: %v", err)
	}
	env.Memory = 100 << 20
	err := roomFor(env, "exact_rows", 10_000)
	var e *schemas.Error
	if !errors.As(err, &e) || e.Reason != schemas.TooLarge || e.Path != "exact_rows" || !strings.Contains(e.Suggestion, "exact_rows: 4434") {
		t.Fatalf("10,000 rows in 100 MiB: %v", err)
	}
	if err := roomFor(env, "exact_rows", 4434); err != nil {
		t.Errorf("what is suggested: %v", err)
	}
}
