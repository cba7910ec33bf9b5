package flow

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"sort"
	"unicode/utf8"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/model"
)

// maxHeader is the longest header that is read; that of a flow with a thousand
// tensors and ten thousand columns takes a tenth of it.
const maxHeader = 16 << 20

// Decode reads what Encode wrote, from a file of size bytes. The bytes are not
// trusted: sizes are compared with that of the file before memory is asked for,
// and every error is a *schemas.Error with reason corrupt_file or version. What
// comes back is what was written, or an error: a file in which a byte of
// meaning was changed does not match its checksum.
func Decode(r io.ReaderAt, size int64) (Description, []model.Tensor, error) {
	h, err := readHeader(r, size)
	if err != nil {
		return Description{}, nil, err
	}
	sum := newChecksum(h.text)
	tensors := make([]model.Tensor, len(h.entries))
	buf := make([]byte, 4*chunk)
	for i, e := range h.entries {
		sum.tensor(e.name, e.shape)
		t := model.Tensor{Name: e.name, Shape: make([]int, len(e.shape)), Data: make([]float32, (e.end-e.begin)/4)}
		for j, n := range e.shape {
			t.Shape[j] = int(n)
		}
		for at := 0; at < len(t.Data); at += chunk {
			b := buf[:4*min(chunk, len(t.Data)-at)]
			if err := readAt(r, b, h.data+int64(e.begin)+4*int64(at)); err != nil {
				return Description{}, nil, err
			}
			sum.h.Write(b)
			for j := range len(b) / 4 {
				t.Data[at+j] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*j:]))
			}
		}
		tensors[i] = t
	}
	if sum.hex() != h.checksum {
		return Description{}, nil, corrupt("the checksum of the flow does not match: it was changed or damaged after it was written")
	}
	return h.description, tensors, nil
}

// DecodeDescription reads the description alone. The checksum, which covers the
// weights too, is not looked at.
func DecodeDescription(r io.ReaderAt, size int64) (Description, error) {
	h, err := readHeader(r, size)
	if err != nil {
		return Description{}, err
	}
	return h.description, nil
}

func corrupt(format string, args ...any) *schemas.Error {
	return schemas.Errorf(schemas.CorruptFile, format, args...)
}

type header struct {
	text        string // the description as it stands in the file
	description Description
	checksum    string
	entries     []entry // in the order of their data
	data        int64   // where data begins
}

// entry is a tensor of the header, with offsets relative to the data.
type entry struct {
	name       string
	shape      []uint64
	begin, end uint64
}

func readHeader(r io.ReaderAt, size int64) (*header, error) {
	var length [8]byte
	if size < 8 {
		return nil, corrupt("%d bytes are not a flow", max(size, 0))
	}
	if err := readAt(r, length[:], 0); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxHeader || int64(n) > size-8 {
		return nil, corrupt("the file is no flow: its header would take %d bytes", n)
	}
	text := make([]byte, n)
	if err := readAt(r, text, 8); err != nil {
		return nil, err
	}
	h := &header{data: 8 + int64(n)}
	return h, h.parse(text, uint64(size-h.data))
}

// parse reads the header of a file with size bytes of data. Names are compared
// to the letter and none may stand twice; both are more than encoding/json asks
// for.
func (h *header) parse(text []byte, size uint64) error {
	if !utf8.Valid(text) {
		return corrupt("the header of the flow is not UTF-8")
	}
	top, err := object(text)
	if err != nil {
		return err
	}
	var meta []member
	for _, m := range top {
		if m.name == "__metadata__" {
			if meta, err = object(m.value); err != nil {
				return err
			}
			continue
		}
		e, err := parseEntry(m)
		if err != nil {
			return err
		}
		h.entries = append(h.entries, e)
	}
	if err := h.parseMeta(meta); err != nil {
		return err
	}
	sort.SliceStable(h.entries, func(a, b int) bool {
		x, y := h.entries[a], h.entries[b]
		return x.begin < y.begin || x.begin == y.begin && x.end < y.end
	})
	at := uint64(0)
	for _, e := range h.entries {
		if e.begin != at || e.end < e.begin || e.end > size {
			return corrupt("tensor %q lies at bytes %d to %d, where %d begins what is left of %d", e.name, e.begin, e.end, at, size)
		}
		if n, ok := elements(e.shape); !ok || 4*n != e.end-e.begin {
			return corrupt("tensor %q of shape %v does not fill bytes %d to %d", e.name, e.shape, e.begin, e.end)
		}
		at = e.end
	}
	if at != size {
		return corrupt("the file has %d bytes of data, its tensors %d", size, at)
	}
	return nil
}

func parseEntry(m member) (entry, error) {
	e := entry{name: m.name}
	parts, err := object(m.value)
	if err != nil {
		return e, err
	}
	var dtype string
	var offsets []uint64
	for _, p := range parts {
		switch p.name {
		case "dtype":
			err = json.Unmarshal(p.value, &dtype)
		case "shape":
			err = json.Unmarshal(p.value, &e.shape)
		case "data_offsets":
			err = json.Unmarshal(p.value, &offsets)
		default:
			err = errors.New("unknown key " + p.name)
		}
		if err != nil {
			return e, corrupt("tensor %q: %w", m.name, err)
		}
	}
	if dtype != "F32" || len(e.shape) > 8 || len(offsets) != 2 || len(parts) != 3 {
		return e, corrupt("tensor %q is not an array of float32 (dtype F32, shape, data_offsets)", m.name)
	}
	e.begin, e.end = offsets[0], offsets[1]
	return e, nil
}

func (h *header) parseMeta(meta []member) error {
	values := map[string]string{}
	for _, m := range meta {
		var s string
		if err := json.Unmarshal(m.value, &s); err != nil {
			return corrupt("metadata %q: %w", m.name, err)
		}
		values[m.name] = s
	}
	h.text, h.checksum = values[metaDescription], values[metaChecksum]
	if values[metaFormat] != formatName || h.text == "" || h.checksum == "" {
		return corrupt("the file is not a flow of pathline: its metadata does not say so")
	}
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal([]byte(h.text), &version); err != nil {
		return corrupt("description: %w", err)
	}
	if version.Version != FormatVersion {
		return schemas.Errorf(schemas.Version, "the flow is of version %d, this host reads version %d", version.Version, FormatVersion)
	}
	d := json.NewDecoder(bytes.NewReader([]byte(h.text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&h.description); err != nil {
		return corrupt("description: %w", err)
	}
	if err := h.description.Check(); err != nil {
		var e *schemas.Error
		if errors.As(err, &e) && e.Reason == schemas.Version {
			return err
		}
		return corrupt("description: %w", err)
	}
	return nil
}

// member is one name and value of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// object takes a JSON object apart, in order.
func object(text []byte) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, corrupt("the header of the flow is not a JSON object")
	}
	var out []member
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, corrupt("the header of the flow is not JSON")
		}
		if seen[name] {
			return nil, corrupt("the header of the flow has %q twice", name)
		}
		seen[name] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, corrupt("the header of the flow: %w", err)
		}
		out = append(out, member{name, value})
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') {
		return nil, corrupt("the header of the flow does not end")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, corrupt("something follows the header of the flow")
	}
	return out, nil
}

func readAt(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == io.EOF {
		return corrupt("the file ends before its header says so")
	}
	return schemas.Errorf(schemas.FileAccess, "%w", err)
}
