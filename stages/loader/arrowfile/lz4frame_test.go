package arrowfile

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pierrec/lz4/v4"
)

// TestXXH32: the values of the reference implementation, in any pieces.
func TestXXH32(t *testing.T) {
	long := strings.Repeat("Nobody inspects the spammish repetition. ", 9)
	for text, want := range map[string]uint32{
		"": 0x02CC5D05, "a": 0x550D7456, "abc": 0x32D153FF,
		"Nobody inspects the spammish repetition": 0xE2293B2F,
	} {
		if got := sumOf([]byte(text)); got != want {
			t.Errorf("%q: %x, want %x", text, got, want)
		}
	}
	for n := range 40 {
		h := newXXH32()
		for b := []byte(long); len(b) > 0; b = b[min(n+1, len(b)):] {
			h.write(b[:min(n+1, len(b))])
		}
		if h.sum() != sumOf([]byte(long)) {
			t.Errorf("pieces of %d bytes give another sum", n+1)
		}
	}
}

// TestLZ4Frames: what the library writes comes back, and no changed byte goes
// unseen where there is a checksum.
func TestLZ4Frames(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 100, 64 << 10, 200_001} {
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(r.IntN(4) * r.IntN(9))
		}
		var file bytes.Buffer
		for _, half := range [][]byte{data[:n/2], data[n/2:]} { // two frames
			w := lz4.NewWriter(&file)
			if err := w.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(true)); err != nil {
				t.Fatal(err)
			}
			w.Write(half)
			w.Close()
		}
		got, err := io.ReadAll(&lz4Frames{r: bytes.NewReader(file.Bytes())})
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d bytes: %d came back, %v", n, len(got), err)
		}
		for range 200 {
			b := bytes.Clone(file.Bytes())
			if len(b) == 0 {
				break
			}
			b[r.IntN(len(b))] ^= 1 << r.IntN(8)
			if got, err := io.ReadAll(&lz4Frames{r: bytes.NewReader(b)}); err == nil && !bytes.Equal(got, data) {
				t.Errorf("%d bytes: a changed byte was not seen", n)
			}
		}
	}
}
