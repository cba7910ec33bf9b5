package arrowfile

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/klauspost/compress/zstd"
)

// buffer is one buffer of a record batch, read from its start to its end.
type buffer struct {
	r     io.Reader
	left  int64
	zstd  *zstd.Decoder
	plain bool // left is backed by bytes of the file
}

// openBuffer opens n bytes of src, of which need are needed after
// decompression. A compressed buffer begins with its uncompressed length; -1
// says that it is not compressed after all.
func openBuffer(src *io.SectionReader, n, need int64, codec int) (*buffer, error) {
	b := &buffer{r: src, left: n, plain: true}
	if codec >= 0 && n > 0 {
		var head [8]byte
		if _, err := io.ReadFull(src, head[:]); err != nil {
			return nil, errMetadata
		}
		b.left = int64(binary.LittleEndian.Uint64(head[:]))
		switch {
		case b.left == -1:
			b.left = n - 8
		case b.left < 0:
			return nil, errMetadata
		case codec == 0:
			b.plain = false
			b.r = &lz4Frames{r: src}
		default:
			z, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(64<<20))
			if err != nil {
				return nil, err
			}
			b.plain = false
			b.r, b.zstd = z, z
		}
	}
	if b.left < need {
		b.close()
		return nil, errShort
	}
	return b, nil
}

// next reads n bytes.
func (b *buffer) next(n int64) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	if b == nil || n > b.left {
		return nil, errShort
	}
	b.left -= n
	if b.plain {
		out := make([]byte, n)
		_, err := io.ReadFull(b.r, out)
		return out, whole(err)
	}
	// The length of a compressed buffer is only a claim: memory grows with
	// what really comes.
	var out bytes.Buffer
	_, err := io.CopyN(&out, b.r, n)
	return out.Bytes(), whole(err)
}

// buffer reads n bytes into memory of mem.
func (b *buffer) buffer(n int64, mem memory.Allocator) (*memory.Buffer, error) {
	if n > windowBytes && (b == nil || !b.plain) {
		raw, err := b.next(n)
		if err != nil {
			return nil, err
		}
		out := memory.NewResizableBuffer(mem)
		out.Resize(len(raw))
		copy(out.Bytes(), raw)
		return out, nil
	}
	if n > 0 && (b == nil || n > b.left) {
		return nil, errShort
	}
	out := memory.NewResizableBuffer(mem)
	out.Resize(int(n))
	if n == 0 {
		return out, nil
	}
	b.left -= n
	if _, err := io.ReadFull(b.r, out.Bytes()); err != nil {
		out.Release()
		return nil, whole(err)
	}
	return out, nil
}

// skip leaves out n bytes.
func (b *buffer) skip(n int64) error {
	if n < 0 || n > b.left {
		return errMetadata
	}
	b.left -= n
	_, err := io.CopyN(io.Discard, b.r, n)
	return whole(err)
}

func (b *buffer) close() {
	if b.zstd != nil {
		b.zstd.Close()
		b.zstd = nil
	}
}

// whole says in words that fewer bytes came than were promised.
func whole(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errShort
	}
	return err
}
