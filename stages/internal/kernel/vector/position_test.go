package vector_test

import (
	"math"
	"slices"
	"testing"
)

// TestPosition: the value of an element is that of a call for it alone, for all
// short lengths and some long ones, from any alignment; nothing else is written,
// and the destination may be an operand.
func TestPosition(t *testing.T) {
	var lengths []int
	for n := range 68 {
		lengths = append(lengths, n)
	}
	lengths = append(lengths, 127, 128, 300, 1025)
	eachLevel(t, func(t *testing.T) {
		for _, e := range entries {
			r := random(1)
			for _, n := range lengths {
				position(t, &r, e, n)
			}
		}
	})
}

const guard = 16

func position(t *testing.T, r *random, e entry, n int) {
	t.Helper()
	before := math.Float32frombits(0x7fc12345)
	guarded := func(x []float32) (whole, inner []float32) {
		from := guard + r.intn(guard)
		whole = make([]float32, from+len(x)+guard)
		for i := range whole {
			whole[i] = before
		}
		inner = whole[from : from+len(x)]
		copy(inner, x)
		return whole, inner
	}
	start := make([][]float32, e.out)
	out, wholes := make([][]float32, e.out), make([][]float32, e.out)
	for i := range out {
		start[i] = r.slice(n)
		wholes[i], out[i] = guarded(start[i])
	}
	values, in := make([][]float32, e.in), make([][]float32, e.in)
	for i := range in {
		values[i] = r.slice(n)
		_, in[i] = guarded(values[i])
	}
	want := alone(e, start, values, n)
	e.call(out, in)
	check := func(how string) {
		t.Helper()
		for i := range out {
			for j, v := range out[i] {
				if !same(v, want[i][j]) {
					t.Errorf("%s of %d%s: output %d[%d] is %g, alone %g", e.name, n, how, i, j, v, want[i][j])
					return
				}
			}
			inside := len(wholes[i]) - guard - n
			for j, v := range wholes[i] {
				if (j < inside || j >= inside+n) && math.Float32bits(v) != math.Float32bits(before) {
					t.Errorf("%s of %d%s: wrote outside of output %d", e.name, n, how, i)
					return
				}
			}
		}
	}
	check("")
	for i := range in {
		if !slices.EqualFunc(in[i], values[i], same) {
			t.Errorf("%s of %d changes operand %d", e.name, n, i)
		}
	}
	if e.updates {
		return
	}
	for o := range out {
		for i := range in {
			for k := range out {
				copy(out[k], start[k])
			}
			copy(out[o], values[i])
			operands := slices.Clone(in)
			operands[i] = out[o]
			e.call(out, operands)
			check(" in place")
		}
	}
}

// alone computes every element by a call of its own.
func alone(e entry, start, values [][]float32, n int) [][]float32 {
	want := make([][]float32, e.out)
	for i := range want {
		want[i] = slices.Clone(start[i])
	}
	for j := range n {
		cut := func(x [][]float32) (one [][]float32) {
			for _, s := range x {
				one = append(one, s[j:j+1])
			}
			return one
		}
		e.call(cut(want), cut(values))
	}
	return want
}
