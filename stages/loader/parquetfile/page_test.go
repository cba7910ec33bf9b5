package parquetfile

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/pierrec/lz4/v4"
)

// TestLZ4: the codec whose framing was never told is read in both its forms.
func TestLZ4(t *testing.T) {
	data := bytes.Repeat([]byte("one two three "), 50)
	block := func(b []byte) []byte {
		out := make([]byte, lz4.CompressBlockBound(len(b)))
		n, err := lz4.CompressBlock(b, out, nil)
		if err != nil || n == 0 {
			t.Fatal(n, err)
		}
		return out[:n]
	}
	framed := func(b []byte) []byte {
		c := block(b)
		head := binary.BigEndian.AppendUint32(nil, uint32(len(b)))
		return append(binary.BigEndian.AppendUint32(head, uint32(len(c))), c...)
	}
	var p pages
	for name, raw := range map[string][]byte{
		"one block": block(data), "one frame": framed(data), "two frames": append(framed(data[:300]), framed(data[300:])...),
	} {
		if got, err := p.decompress(raw, int64(len(data)), codecLZ4); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if _, err := p.decompress(raw[:len(raw)-1], int64(len(data)), codecLZ4); err == nil {
			t.Errorf("%s: no error where the last byte is missing", name)
		}
	}
	if _, err := p.decompress(nil, 0, 3); err == nil {
		t.Error("no error for a codec that is not there")
	}
}
