package flow_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/condition"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
)

func small() (flow.Description, []model.Tensor) {
	d := flow.Description{
		Version:    flow.FormatVersion,
		Columns:    []schemas.Column{{Name: "a", Type: "float32"}, {Name: "b é", Type: "int16"}},
		Transforms: []schemas.Transform{{Use: "standardize", State: map[string]any{"mean": []any{0.1, math.Nextafter(1, 2)}, "sd": []any{1.0, 2.0}}}},
		Path:       flow.Component{Use: "condot"},
		Model:      flow.Component{Use: "mlp", With: json.RawMessage(`{"hidden":[4]}`)},
		Dim:        2, Target: "velocity", BaseStd: 1,
		Training: map[string]any{"steps": 5.0},
	}
	return d, []model.Tensor{
		{Name: "layer0.weight", Shape: []int{2, 3}, Data: []float32{1, -2, 3.5, float32(math.Inf(1)), 5e-40, float32(math.Copysign(0, -1))}},
		{Name: "layer0.bias", Shape: []int{3}, Data: []float32{7, 8, 9}},
		{Name: "scale", Shape: []int{}, Data: []float32{0.5}},
		{Name: "empty", Shape: []int{0, 4}, Data: []float32{}},
	}
}

func encoded(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	d, tensors := small()
	if err := flow.Encode(&b, d, tensors); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func decode(b []byte) (flow.Description, []model.Tensor, error) {
	return flow.Decode(bytes.NewReader(b), int64(len(b)))
}

// same compares what a file means; tensors to the bit.
func same(d, e flow.Description, a, b []model.Tensor) bool {
	x, _ := json.Marshal([]any{d, shapes(a)})
	y, _ := json.Marshal([]any{e, shapes(b)})
	if !bytes.Equal(x, y) {
		return false
	}
	for i := range a {
		for j := range a[i].Data {
			if math.Float32bits(a[i].Data[j]) != math.Float32bits(b[i].Data[j]) {
				return false
			}
		}
	}
	return true
}

func shapes(t []model.Tensor) (out []string) {
	for _, t := range t {
		out = append(out, fmt.Sprint(t.Name, t.Shape, len(t.Data)))
	}
	return out
}

func reason(err error) schemas.Reason {
	var e *schemas.Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Reason
}

func TestSaveLoad(t *testing.T) {
	d, tensors := small()
	name := filepath.Join(t.TempDir(), "new", "f.safetensors")
	if err := flow.Save(name, d, tensors); err != nil {
		t.Fatal(err)
	}
	got, back, err := flow.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	if !same(d, got, tensors, back) {
		t.Errorf("got %+v %v, want %+v %v", got, back, d, tensors)
	}
	if e, err := flow.Describe(flow.Source{File: name}); err != nil || !reflect.DeepEqual(e, got) {
		t.Errorf("description alone: %+v, %v", e, err)
	}
	left, err := os.ReadDir(filepath.Dir(name))
	if err != nil || len(left) != 1 {
		t.Errorf("folder has %v, %v; want the file alone", left, err)
	}
	if _, _, err := flow.Load(filepath.Join(t.TempDir(), "no")); reason(err) != schemas.FileNotFound {
		t.Errorf("missing file: %v", err)
	}
	if _, _, err := flow.Load(t.TempDir()); reason(err) != schemas.FileAccess {
		t.Errorf("folder: %v", err)
	}
}

// The bytes are a function of the content, and data begins at a multiple of 8.
func TestEncodeIsDeterministic(t *testing.T) {
	b := encoded(t)
	if !bytes.Equal(b, encoded(t)) {
		t.Error("two encodings of one flow differ")
	}
	if n := binary.LittleEndian.Uint64(b); n%8 != 0 {
		t.Errorf("the header takes %d bytes: data is not aligned", n)
	}
}

// A flow with any one byte changed, or cut anywhere, is refused or means the
// same.
func TestEveryByteCounts(t *testing.T) {
	b := encoded(t)
	d, tensors := small()
	harmless := 0
	for i := range b {
		for _, x := range []byte{0x01, 0x20, 0x80, 0xff, b[i] ^ ' ', b[i] ^ '"'} {
			if x == 0 {
				continue
			}
			c := bytes.Clone(b)
			c[i] ^= x
			e, other, err := decode(c)
			if err == nil {
				harmless++
				if !same(d, e, tensors, other) {
					t.Fatalf("byte %d changed by %#x: another flow was read", i, x)
				}
			} else if r := reason(err); r != schemas.CorruptFile && r != schemas.Version {
				t.Fatalf("byte %d changed by %#x: reason %q: %v", i, x, r, err)
			}
		}
	}
	if harmless > 8 { // the padding can hold other white space
		t.Errorf("%d changes were not noticed", harmless)
	}
	for n := range b {
		if _, _, err := decode(b[:n]); reason(err) != schemas.CorruptFile {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	if _, _, err := decode(append(bytes.Clone(b), 0)); reason(err) != schemas.CorruptFile {
		t.Errorf("a byte too many: %v", err)
	}
}

// notFitted are conditions as they are before training.
var notFitted = condition.Columns{{Name: "c", Type: "float64", Kind: condition.Number}, {Name: "k", Type: "utf8", Kind: condition.Category}}

// A file that passed its checksum, or none, is not trusted more than another.
func TestNewRefusesConditionsThatAreNotFitted(t *testing.T) {
	d, tensors := small()
	for _, d.Conditions = range []condition.Columns{notFitted[:1], notFitted[1:]} {
		if _, err := flow.New(d, tensors, flow.Registry{}); reason(err) != schemas.CorruptFile || !strings.Contains(err.Error(), "learned") {
			t.Errorf("%v: %v", d.Conditions, err)
		}
	}
}

func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func TestHostileHeaders(t *testing.T) {
	meta := func(description string) string {
		m, _ := json.Marshal(map[string]string{"format": "pathline", "pathline.flow": description, "pathline.sha256": "00"})
		return string(m)
	}
	d, _ := small()
	good, _ := json.Marshal(d)
	f32 := func(shape, offsets string) string {
		return `{"dtype":"F32","shape":` + shape + `,"data_offsets":` + offsets + `}`
	}
	with := func(tensors string) string { return `{"__metadata__":` + meta(string(good)) + `,` + tensors + `}` }
	edit := func(f func(d *flow.Description)) string {
		e := d
		f(&e)
		b, _ := json.Marshal(e)
		return `{"__metadata__":` + meta(string(b)) + `}`
	}
	for name, c := range map[string]struct {
		header string
		data   int
		want   string
	}{
		"overlap":           {with(`"a":` + f32(`[2]`, `[0,8]`) + `,"b":` + f32(`[2]`, `[4,12]`)), 12, "lies at"},
		"hole":              {with(`"a":` + f32(`[1]`, `[0,4]`) + `,"b":` + f32(`[1]`, `[8,12]`)), 12, "lies at"},
		"beyond the end":    {with(`"a":` + f32(`[4]`, `[0,16]`)), 12, "lies at"},
		"end before begin":  {with(`"a":` + f32(`[1]`, `[8,4]`)), 8, "lies at"},
		"shape too small":   {with(`"a":` + f32(`[1]`, `[0,8]`)), 8, "does not fill"},
		"shape overflows":   {with(`"a":` + f32(`[4294967296,4294967296]`, `[0,0]`)), 0, "does not fill"},
		"shape overflows 2": {with(`"a":` + f32(`[2305843009213693952,8,1]`, `[0,0]`)), 0, "does not fill"},
		"negative":          {with(`"a":` + f32(`[-1]`, `[0,4]`)), 4, `tensor "a"`},
		"fraction":          {with(`"a":` + f32(`[1.5]`, `[0,6]`)), 6, `tensor "a"`},
		"huge offset":       {with(`"a":` + f32(`[1]`, `[0,36893488147419103232]`)), 4, `tensor "a"`},
		"three offsets":     {with(`"a":` + f32(`[1]`, `[0,4,4]`)), 4, "float32"},
		"other type":        {with(`"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}`), 8, "float32"},
		"no shape":          {with(`"a":{"dtype":"F32","data_offsets":[0,4]}`), 4, "float32"},
		"unknown key":       {with(`"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}`), 4, "unknown key"},
		"twice":             {with(`"a":` + f32(`[1]`, `[0,4]`) + `,"a":` + f32(`[1]`, `[4,8]`)), 8, "twice"},
		"twice in escapes":  {with(`"a":` + f32(`[1]`, `[0,4]`) + `,"\u0061":` + f32(`[1]`, `[4,8]`)), 8, "twice"},
		"shape twice":       {with(`"a":{"dtype":"F32","shape":[1],"shape":[2],"data_offsets":[0,8]}`), 8, "twice"},
		"not an object":     {`[1]`, 0, "not a JSON object"},
		"no metadata":       {`{}`, 0, "not a flow of pathline"},
		"two documents":     {with(`"a":`+f32(`[1]`, `[0,4]`)) + `{}`, 4, "something follows"},
		"deep":              {strings.Repeat(`{"a":`, 100_000), 0, "header"},
		"checksum":          {with(`"a":` + f32(`[1]`, `[0,4]`)), 4, "checksum"},
		"wide column":       {edit(func(d *flow.Description) { d.Columns = []schemas.Column{{Name: "a", Type: "int8", Width: 1 << 62}} }), 0, "wide"},
		"dimensions":        {edit(func(d *flow.Description) { d.Dim = 1 << 40 }), 0, "dimensions"},
		"base":              {edit(func(d *flow.Description) { d.BaseStd = 0 }), 0, "base"},
		"column type": {edit(func(d *flow.Description) {
			d.Columns = []schemas.Column{{Name: "a", Type: "utf8"}, {Name: "b", Type: "int8"}}
		}), 0, "type utf8"},
		"numbers not fitted":    {edit(func(d *flow.Description) { d.Conditions = notFitted[:1] }), 0, "learned"},
		"categories not fitted": {edit(func(d *flow.Description) { d.Conditions = notFitted[1:] }), 0, "learned"},
		"unknown field":         {`{"__metadata__":` + meta(`{"version":1,"shape":3}`) + `}`, 0, "unknown field"},
	} {
		b := file(c.header, c.data)
		if _, _, err := decode(b); reason(err) != schemas.CorruptFile || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	b := file(`{"__metadata__":`+meta(`{"version":2,"anything":1}`)+`}`, 0)
	if _, _, err := decode(b); reason(err) != schemas.Version {
		t.Errorf("version 2: %v", err)
	}
	for _, n := range []uint64{16<<20 + 1, math.MaxInt64, math.MaxUint64, 9} {
		b := binary.LittleEndian.AppendUint64(nil, n)
		if _, _, err := decode(append(b, "{}      "...)); reason(err) != schemas.CorruptFile {
			t.Errorf("header of %d bytes: %v", n, err)
		}
	}
}

// Whatever is read is either refused with a reason or survives another round.
// Run it with -fuzzminimizetime 10x: the minimisation of every new input would
// take most of the time.
func FuzzDecode(f *testing.F) {
	b := encoded(f)
	f.Add(b)
	f.Add(b[:len(b)-5])
	f.Add(file(`{}`, 0))
	f.Add(file(`{"__metadata__":{"format":"pathline"},"a":{"dtype":"F32","shape":[18446744073709551615,2],"data_offsets":[0,8]}}`, 8))
	f.Add(file(`{"a":`, 3))
	// Conditions without means: the checksum is that of the description, no tensor follows.
	d, _ := small()
	d.Conditions = notFitted
	text, err := json.Marshal(d)
	if err != nil {
		f.Fatal(err)
	}
	sum := sha256.Sum256(text)
	meta, err := json.Marshal(map[string]any{"__metadata__": map[string]string{"format": "pathline", "pathline.flow": string(text), "pathline.sha256": hex.EncodeToString(sum[:])}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file(string(meta), 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, tensors, err := decode(b)
		if err != nil {
			if r := reason(err); r != schemas.CorruptFile && r != schemas.Version {
				t.Fatalf("reason %q: %v", r, err)
			}
			return
		}
		for _, c := range d.Conditions { // what a file says is what a value is written by
			v := condition.Value{Text: "a", Numbers: make([]float64, c.Numbers())}
			if c.Kind == condition.Category {
				v.Text = c.Categories[0]
			}
			_ = c.Put(make([]float32, c.Held()), v)
		}
		var again bytes.Buffer
		if err := flow.Encode(&again, d, tensors); err != nil {
			t.Fatal(err)
		}
		e, other, err := decode(again.Bytes())
		if err != nil || !same(d, e, tensors, other) {
			t.Fatalf("another flow after a round: %v", err)
		}
	})
}

// The checksum is computed in the order that Encode's comment states: this is
// the one of a file that exists somewhere.
func TestChecksumIsFrozen(t *testing.T) {
	const want = "29fc9067ec2fff2dc7f1c87902fc6b679225aa767b7e4e8faabe37ba2e5b0748"
	if b := encoded(t); !bytes.Contains(b, []byte(`"pathline.sha256":"`+want+`"`)) {
		at := bytes.Index(b, []byte(`"pathline.sha256":`))
		t.Errorf("%s, want %s", b[at:at+84], want)
	}
}
