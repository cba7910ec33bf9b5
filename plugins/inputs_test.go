package plugins

import (
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
	"github.com/pathline/pathline/stages"
)

// The inputs of an implementation in a plugin are those that it has compiled in.
func TestInputsTravel(t *testing.T) {
	here := stages.Builtin()
	there := here.Clone()
	h := newHost(t, io.Discard)
	if err := h.Add(t.Context(), there, "far", Plugin{Command: command("builtin")}); err != nil {
		t.Fatal(err)
	}
	own := 0
	for _, k := range here.Kinds() {
		for _, i := range here.Implementations(k.Name) {
			far, ok := there.Find(k.Name, "far/"+i.Name)
			if !ok {
				t.Fatalf("there is no %s/%s", k.Name, i.Name)
			}
			if i.Ports != nil {
				own++
			}
			if (i.Ports == nil) != (far.Ports == nil) || !reflect.DeepEqual(here.PortsOf(i), there.PortsOf(far)) {
				t.Errorf("%s/%s has the inputs %v, and %v in a plugin", k.Name, i.Name, here.PortsOf(i), there.PortsOf(far))
			}
		}
	}
	if own < 3 {
		t.Errorf("%d implementations have inputs of their own: the test tests little", own)
	}
}

// What a plugin says of its inputs is checked.
func TestWrongInputs(t *testing.T) {
	many := make([]*pluginpb.Input, maxInputs+1)
	long := strings.Repeat("x", maxInputText+1)
	for says, in := range map[string][]*pluginpb.Input{
		"more than":    many,
		"without a":    {{Takes: "rows"}},
		"two inputs":   {{Name: "a", Takes: "rows"}, {Name: "a", Takes: "flow"}},
		"not rows":     {{Name: "a", Takes: "metrics"}},
		"of kind":      {{Name: "a", Takes: "service"}},
		"rows of kind": {{Name: "a", Takes: "rows", Kind: "path"}},
		"the default":  {{Name: "a", Takes: "flow", Default: "x"}},
		"bytes":        {{Name: "a", Takes: "rows", Doc: long}},
	} {
		_, err := portsOf(&pluginpb.Inputs{Inputs: in})
		reason(t, err, schemas.PluginProtocol, says)
	}
	if p, err := portsOf(&pluginpb.Inputs{}); p == nil || err != nil {
		t.Error("an implementation without inputs gets those of its kind")
	}
}
