package arrowfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
)

// Magic stands at the start and at the end of an IPC file.
const Magic = "ARROW1"

const continuation = 0xFFFFFFFF

// File is an indexed IPC file or stream.
type File struct {
	src     io.ReaderAt
	size    int64
	schema  *arrow.Schema
	batches []block
	rows    int64
}

// block is where a message lies.
type block struct {
	meta, metaLen int64
	body, bodyLen int64
}

// Open reads the schema and the heads of all record batches. src must stay
// open while the File is used.
func Open(src io.ReaderAt, size int64) (*File, error) {
	f := &File{src: src, size: size}
	var head [8]byte
	n, err := src.ReadAt(head[:min(size, 8)], 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if string(head[:min(n, len(Magic))]) == Magic {
		err = f.indexFile()
	} else {
		err = f.indexStream()
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Schema is the schema of the whole file.
func (f *File) Schema() *arrow.Schema { return f.schema }

// NumRows is the number of rows.
func (f *File) NumRows() int64 { return f.rows }

var errShort = errors.New("the file is cut off")

func (f *File) read(at, n int64) ([]byte, error) {
	if at < 0 || n < 0 || n > maxMetadata || at > f.size-n {
		return nil, errShort
	}
	b := make([]byte, n)
	if _, err := f.src.ReadAt(b, at); err != nil && err != io.EOF {
		return nil, err
	}
	return b, nil
}

// message reads the metadata at pos, which says itself how long it is. The end
// marker, and the end of the file, give io.EOF.
func (f *File) message(pos int64) (meta []byte, where block, err error) {
	b, err := f.read(pos, 4)
	if err != nil {
		return nil, where, err
	}
	n := binary.LittleEndian.Uint32(b)
	pos += 4
	if n == continuation {
		if b, err = f.read(pos, 4); err != nil {
			return nil, where, err
		}
		n = binary.LittleEndian.Uint32(b)
		pos += 4
	}
	where.meta, where.metaLen, where.body = pos, int64(n), pos+int64(n)
	if n == 0 {
		return nil, where, io.EOF
	}
	meta, err = f.read(pos, int64(n))
	return meta, where, err
}

func (f *File) indexStream() error {
	meta, where, err := f.message(0)
	if err == errShort && f.size >= 8 {
		return errors.New("this is neither an Arrow file nor an Arrow stream, or it is cut off")
	}
	if err != nil {
		return noEOF(err)
	}
	if f.schema, err = decodeSchema(meta); err != nil {
		return err
	}
	for pos := where.body; ; pos = where.body + where.bodyLen {
		meta, where, err = f.message(pos)
		if err == io.EOF {
			if where.body != f.size {
				return errors.New("bytes follow the end of the stream")
			}
			return nil
		}
		if err == errShort {
			return errors.New("the stream ends without its end marker: it is cut off")
		}
		if err != nil {
			return err
		}
		if err = f.add(meta, &where); err != nil {
			return err
		}
	}
}

// add puts a message into the index when it is a record batch.
func (f *File) add(meta []byte, where *block) error {
	m, err := parseMessage(meta)
	if err != nil {
		return err
	}
	if m.body > f.size-where.body {
		return errShort
	}
	where.bodyLen = m.body
	if m.kind != headerBatch {
		return nil
	}
	b, err := parseBatch(m)
	if err != nil {
		return err
	}
	if f.rows += b.rows; f.rows < b.rows {
		return errMetadata
	}
	if b.rows > 0 {
		f.batches = append(f.batches, *where)
	}
	return nil
}

func (f *File) indexFile() error {
	const tail = 4 + len(Magic)
	if f.size < int64(8+tail) {
		return errShort
	}
	b, err := f.read(f.size-int64(tail), int64(tail))
	if err != nil {
		return err
	}
	if !bytes.Equal(b[4:], []byte(Magic)) {
		return errors.New("the file does not end with its magic: it is cut off")
	}
	n := int64(binary.LittleEndian.Uint32(b))
	end := f.size - int64(tail) - n
	if end < 8 {
		return errMetadata
	}
	footer, err := f.read(end, n)
	if err != nil {
		return err
	}
	// The schema stands in the footer too, and there alone for sure: Polars puts
	// no message at the start of its files.
	var meta, blocks []byte
	var told bool
	if err := guard(func() {
		blocks, _ = root(footer).vector(3, 24)
		meta, told = root(footer).message()
	}); err != nil {
		return err
	}
	if !told {
		return errors.New("the footer has no schema")
	}
	if f.schema, err = decodeSchema(meta); err != nil {
		return err
	}
	for i := 0; i < len(blocks); i += 24 {
		offset := int64(binary.LittleEndian.Uint64(blocks[i:]))
		head := int64(int32(binary.LittleEndian.Uint32(blocks[i+8:])))
		body := int64(binary.LittleEndian.Uint64(blocks[i+16:]))
		if offset < 8 || offset >= end || head < 8 {
			return errMetadata
		}
		meta, where, err := f.message(offset)
		if err != nil {
			return noEOF(err)
		}
		if err = f.add(meta, &where); err != nil {
			return err
		}
		if where.body != offset+head || where.bodyLen != body || where.body+body > end {
			return fmt.Errorf("the footer and record batch %d differ", i/24)
		}
	}
	return nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return errMetadata
	}
	return err
}
