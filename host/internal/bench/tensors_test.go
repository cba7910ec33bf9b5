package bench

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// file writes a safetensors file with a header and bytes of data.
func file(t *testing.T, header string, b ...byte) (folder string) {
	t.Helper()
	folder = t.TempDir()
	all := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
	if err := os.WriteFile(filepath.Join(folder, "x.safetensors"), append(all, b...), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

func TestReadArrays(t *testing.T) {
	b := binary.LittleEndian.AppendUint32(nil, math.Float32bits(1.5))
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(-2.25))
	b = append(b, 0xff, 1)
	got, err := readArrays(file(t, `{"f": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
		"d": {"dtype": "F64", "shape": [1, 1], "data_offsets": [4, 12]},
		"i": {"dtype": "I8", "shape": [2], "data_offsets": [12, 14]}}`, b...), "x")
	want := map[string]array{"f": {[]int{1}, []float64{1.5}}, "d": {[]int{1, 1}, []float64{-2.25}}, "i": {[]int{2}, []float64{-1, 1}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if x := (array{[]int{3, 2}, []float64{1, 2, 3, 4, 5, 6}}).first(2); !reflect.DeepEqual(x, array{[]int{2, 2}, []float64{1, 2, 3, 4}}) {
		t.Errorf("the first two rows are %v", x)
	}
}

func TestReadArraysRefuses(t *testing.T) {
	for _, header := range []string{
		``, `[]`, `{`,
		`{"f": {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}}`,
		`{"f": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}}`,
		`{"f": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}`,
		`{"f": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}`,
		`{"f": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}`,
		`{"f": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}`,
	} {
		if _, err := readArrays(file(t, header, 0, 0, 0, 0), "x"); err == nil {
			t.Errorf("%q was read", header)
		}
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "x.safetensors"), []byte{9, 0, 0, 0, 0, 0, 0, 0}, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readArrays(folder, "x"); err == nil {
		t.Error("a header longer than the file was read")
	}
	if _, err := readArrays(folder, "y"); err == nil {
		t.Error("a file that is not there was read")
	}
}
