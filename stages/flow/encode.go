package flow

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash"
	"io"
	"math"
	"strconv"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/model"
)

// Keys of the metadata of a flow file.
const (
	metaFormat      = "format"
	metaDescription = "pathline.flow"
	metaChecksum    = "pathline.sha256"
	formatName      = "pathline"
)

// chunk is how many floats are converted at a time.
const chunk = 16384

// Encode writes a flow as a safetensors file: the length of the header (8
// bytes, little-endian), the header, the tensors one after the other as
// little-endian float32. The header is padded with spaces so that data begins
// at a multiple of 8. The bytes depend on the arguments alone.
//
// The checksum is SHA-256, in hexadecimal, over the description as it stands in
// the metadata and, in the order of the file, name, rank, shape and bytes of
// every tensor; texts are preceded by their length and all numbers are 64 bit
// little-endian.
func Encode(w io.Writer, d Description, tensors []model.Tensor) error {
	if d.Version == 0 {
		d.Version = FormatVersion
	}
	if err := d.Check(); err != nil {
		return err
	}
	text, err := json.Marshal(d)
	if err != nil {
		return schemas.Errorf(schemas.StageFailed, "a flow's description does not encode: %w", err)
	}
	sum := newChecksum(string(text))
	head := []byte(`,`)
	names := map[string]bool{"__metadata__": true}
	offset := uint64(0)
	for _, t := range tensors {
		if size, ok := elements(shape64(t.Shape)); !ok || size != uint64(len(t.Data)) {
			panic("flow: a tensor's shape does not fit its data")
		}
		if names[t.Name] {
			panic("flow: two tensors of one name")
		}
		names[t.Name] = true
		name, _ := json.Marshal(t.Name)
		head = append(head, name...)
		head = append(head, `:{"dtype":"F32","shape":[`...)
		for i, n := range t.Shape {
			if i > 0 {
				head = append(head, ',')
			}
			head = strconv.AppendInt(head, int64(n), 10)
		}
		end := offset + 4*uint64(len(t.Data))
		head = append(head, `],"data_offsets":[`...)
		head = strconv.AppendUint(head, offset, 10)
		head = append(head, ',')
		head = strconv.AppendUint(head, end, 10)
		head = append(head, `]},`...)
		offset = end
		sum.tensor(t.Name, shape64(t.Shape))
		if err := eachChunk(t.Data, func(b []byte) error { _, err := sum.h.Write(b); return err }); err != nil {
			return err
		}
	}
	meta, err := json.Marshal(map[string]string{metaFormat: formatName, metaDescription: string(text), metaChecksum: sum.hex()})
	if err != nil {
		return err
	}
	header := append([]byte(`{"__metadata__":`), meta...)
	header = append(header, head[:len(head)-1]...)
	header = append(header, '}')
	for len(header)%8 != 0 {
		header = append(header, ' ')
	}
	if len(header) > maxHeader {
		return schemas.Errorf(schemas.TooLarge, "the header of the flow takes %d bytes, more than %d", len(header), maxHeader)
	}
	if _, err := w.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))); err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for _, t := range tensors {
		if err := eachChunk(t.Data, func(b []byte) error { _, err := w.Write(b); return err }); err != nil {
			return err
		}
	}
	return nil
}

// eachChunk gives the bytes of data, some at a time.
func eachChunk(data []float32, write func([]byte) error) error {
	b := make([]byte, 0, 4*min(chunk, len(data)))
	for len(data) > 0 {
		n := min(chunk, len(data))
		b = b[:0]
		for _, v := range data[:n] {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		if err := write(b); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

func shape64(shape []int) []uint64 {
	out := make([]uint64, len(shape))
	for i, n := range shape {
		out[i] = uint64(n)
	}
	return out
}

// elements is the product of a shape, unless it is beyond all memory.
func elements(shape []uint64) (uint64, bool) {
	const limit = 1 << 40
	n := uint64(1)
	for _, s := range shape {
		if s > limit || n > 0 && s > limit/n {
			return 0, false
		}
		n *= s
	}
	return n, true
}

// checksum runs over what Encode's comment says.
type checksum struct{ h hash.Hash }

func newChecksum(description string) checksum {
	c := checksum{sha256.New()}
	c.text(description)
	return c
}

func (c checksum) number(n uint64) { c.h.Write(binary.LittleEndian.AppendUint64(nil, n)) }

func (c checksum) text(s string) {
	c.number(uint64(len(s)))
	io.WriteString(c.h, s)
}

func (c checksum) tensor(name string, shape []uint64) {
	c.text(name)
	c.number(uint64(len(shape)))
	for _, n := range shape {
		c.number(n)
	}
}

func (c checksum) hex() string { return hex.EncodeToString(c.h.Sum(nil)) }
