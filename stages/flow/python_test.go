package flow_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/pathline/pathline/stages/flow"
)

// printFlow prints the tensors of a flow file, their values as the bits of
// float32, and its metadata.
const printFlow = `
import json, sys
import numpy as np
from safetensors import safe_open

with safe_open(sys.argv[1], framework="numpy") as f:
    tensors = {k: f.get_tensor(k) for k in f.keys()}
    print(json.dumps({
        "tensors": {k: {"dtype": str(v.dtype), "shape": list(v.shape), "bits": np.ascontiguousarray(v).view(np.uint32).flatten().tolist() if v.size else []} for k, v in tensors.items()},
        "metadata": f.metadata(),
    }))
`

// TestPython: safetensors in Python opens a flow and finds the same tensors.
func TestPython(t *testing.T) {
	python := os.Getenv("PATHLINE_PYTHON")
	if python == "" {
		t.Skip("PATHLINE_PYTHON is not set: it names a python with safetensors and numpy; `task unit` sets it")
	}
	d, tensors := small()
	name := filepath.Join(t.TempDir(), "f.safetensors")
	if err := flow.Save(name, d, tensors); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "-c", printFlow, name).Output()
	if err != nil {
		var e *exec.ExitError
		if errors.As(err, &e) {
			err = fmt.Errorf("%w: %s", err, e.Stderr)
		}
		t.Fatal(err)
	}
	var got struct {
		Tensors map[string]struct {
			Dtype string   `json:"dtype"`
			Shape []int    `json:"shape"`
			Bits  []uint32 `json:"bits"`
		} `json:"tensors"`
		Metadata map[string]string `json:"metadata"`
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Tensors) != len(tensors) {
		t.Errorf("%d tensors, want %d", len(got.Tensors), len(tensors))
	}
	for _, want := range tensors {
		g, ok := got.Tensors[want.Name]
		bits := make([]uint32, len(want.Data))
		for i, v := range want.Data {
			bits[i] = math.Float32bits(v)
		}
		if !ok || g.Dtype != "float32" || !reflect.DeepEqual(g.Shape, want.Shape) || !reflect.DeepEqual(g.Bits, bits) {
			t.Errorf("tensor %q: %+v, want %+v", want.Name, g, want)
		}
	}
	var back flow.Description
	if err := json.Unmarshal([]byte(got.Metadata["pathline.flow"]), &back); err != nil || !reflect.DeepEqual(back.Columns, d.Columns) {
		t.Errorf("description %q: %v", got.Metadata["pathline.flow"], err)
	}
	if got.Metadata["format"] != "pathline" {
		t.Errorf("format %q", got.Metadata["format"])
	}
}
