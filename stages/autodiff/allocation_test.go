//go:build !race

package autodiff

import (
	"runtime/debug"
	"testing"
)

// TestCallsAllocateNothing, nor does Refresh, once warm. Not with the race
// detector, under which sync.Pool forgets on purpose.
func TestCallsAllocateNothing(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties pools
	for _, f := range functions() {
		g, outs, p := f.program(t, 2)
		d := f.data(g, 40, 1)
		b, err := p.Bind(narrow(d.params))
		if err != nil {
			t.Fatal(err)
		}
		var in, out [][]float32
		for i, n := range g.inputs {
			in = append(in, planes(d.inputs[i], g.nodes[n].shape, d.rows))
		}
		for _, o := range outs {
			out = append(out, make([]float32, d.rows*size(g.shape(o))))
		}
		if n := testing.AllocsPerRun(10, func() { b.Call(d.rows, false, in, out) }); n != 0 {
			t.Errorf("%s: a call allocates %v times", f.name, n)
		}
		if n := testing.AllocsPerRun(10, func() { b.Refresh(nil) }); n != 0 {
			t.Errorf("%s: Refresh allocates %v times", f.name, n)
		}
	}
}
