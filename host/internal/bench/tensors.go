package bench

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"

	"github.com/pathline/pathline/schemas"
)

// array is a tensor of one of the benchmark's files, as float64, which holds its
// float32, float64 and int8 without loss.
type array struct {
	shape []int
	data  []float64
}

// float32s are the data, rounded.
func (a array) float32s() []float32 {
	out := make([]float32, len(a.data))
	for i, v := range a.data {
		out[i] = float32(v)
	}
	return out
}

// first are the first rows of a matrix, or all when rows is 0 or more than there
// are.
func (a array) first(rows int) array {
	if rows == 0 || rows >= a.shape[0] {
		return a
	}
	wide := len(a.data) / a.shape[0]
	return array{shape: append([]int{rows}, a.shape[1:]...), data: a.data[:rows*wide]}
}

// readArrays reads a plain safetensors file of the folder: 8 bytes of length, a
// JSON header, little-endian arrays.
func readArrays(folder, name string) (map[string]array, error) {
	file := filepath.Join(folder, name+".safetensors")
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, schemas.Errorf(schemas.FileNotFound, "%w", err).Suggest("--data DIR is the folder benchmarks/data of the repository")
	}
	damaged := schemas.Errorf(schemas.CorruptFile, "%s is not a safetensors file of the benchmarks", file)
	if len(b) < 8 {
		return nil, damaged
	}
	length := binary.LittleEndian.Uint64(b)
	if length > uint64(len(b)-8) {
		return nil, damaged
	}
	var header map[string]struct {
		DType   string `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(b[8:8+length], &header); err != nil {
		return nil, damaged
	}
	b = b[8+length:]
	out := make(map[string]array, len(header))
	for key, t := range header {
		width := map[string]int{"F64": 8, "F32": 4, "I8": 1}[t.DType]
		n := 1
		for _, s := range t.Shape {
			if s < 1 || s > len(b) || n > len(b) {
				return nil, damaged
			}
			n *= s
		}
		begin, end := t.Offsets[0], t.Offsets[1]
		if width == 0 || len(t.Shape) == 0 || begin < 0 || begin > end || end > len(b) || end-begin != n*width {
			return nil, damaged
		}
		out[key] = array{shape: t.Shape, data: decode(b[begin:end], t.DType, n)}
	}
	return out, nil
}

func decode(b []byte, dtype string, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		switch dtype {
		case "F64":
			out[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		case "F32":
			out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
		default:
			out[i] = float64(int8(b[i]))
		}
	}
	return out
}
