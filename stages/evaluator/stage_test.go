package evaluator

import (
	"reflect"
	"testing"
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
