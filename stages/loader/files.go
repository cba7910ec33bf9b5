package loader

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/loader/arrowfile"
	"github.com/pathline/pathline/stages/loader/parquetfile"
)

// table is an opened file.
type table interface {
	Schema() *arrow.Schema
	NumRows() int64
	newReader(columns []int, rows int64, mem memory.Allocator) (reader, error)
}

// reader gives windows of rows.
type reader interface {
	Next() (arrow.Record, error)
	Close()
}

// formats open files by the name of the implementation.
var formats = map[string]func(src io.ReaderAt, size int64) (table, error){
	"parquet": func(src io.ReaderAt, size int64) (table, error) {
		f, err := parquetfile.Open(src, size)
		return parquetTable{f}, err
	},
	"arrow": func(src io.ReaderAt, size int64) (table, error) {
		f, err := arrowfile.Open(src, size)
		return arrowTable{f}, err
	},
}

type parquetTable struct{ *parquetfile.File }

func (t parquetTable) newReader(columns []int, rows int64, mem memory.Allocator) (reader, error) {
	return t.NewReader(columns, rows, mem)
}

type arrowTable struct{ *arrowfile.File }

func (t arrowTable) newReader(columns []int, rows int64, mem memory.Allocator) (reader, error) {
	return t.NewReader(columns, rows, mem)
}

// opened is a table and the file under it.
type opened struct {
	table
	file *os.File
}

func (o *opened) Close() error { return o.file.Close() }

// open opens a file. Damage is an error with reason CorruptFile.
func open(format, name string) (*opened, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fileError(err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		f.Close()
		return nil, schemas.Errorf(schemas.FileAccess, "%s is a folder", name).At("path").Suggest("name its files, as in " + filepath.Join(name, "*."+format))
	}
	if err != nil {
		f.Close()
		return nil, fileError(err)
	}
	t, err := formats[format](f, info.Size())
	if err != nil {
		f.Close()
		return nil, corrupt(name, err)
	}
	return &opened{t, f}, nil
}

func fileError(err error) error {
	err = pipeline.FileError(err)
	var e *schemas.Error
	if errors.As(err, &e) {
		return e.At("path")
	}
	return err
}

func corrupt(name string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fileError(err)
	}
	return schemas.Errorf(schemas.CorruptFile, "%s: %w", name, err).At("path")
}

// find lists the files that path, a name or a pattern relative to dir, stands
// for, in sorted order.
func find(dir, path string) ([]string, error) {
	name := path
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	if _, err := os.Stat(name); err == nil {
		return []string{name}, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fileError(err)
	}
	if !strings.ContainsAny(path, "*?[") {
		e := schemas.Errorf(schemas.FileNotFound, "there is no file %s", name).At("path")
		if s := nearby(name); s != "" {
			e = e.Suggest(s)
		}
		return nil, e
	}
	names, err := filepath.Glob(name)
	if err != nil {
		return nil, schemas.Errorf(schemas.UnknownValue, "%q is not a pattern: %w", path, err).At("path")
	}
	if len(names) == 0 {
		return nil, schemas.Errorf(schemas.FileNotFound, "no file matches %s", name).At("path")
	}
	sort.Strings(names)
	return names, nil
}

// nearby suggests a file whose name is like the one that is missing.
func nearby(name string) string {
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil {
		return "the folder " + filepath.Dir(name) + " does not exist"
	}
	var names, same []string
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		names = append(names, e.Name())
		if filepath.Ext(e.Name()) == filepath.Ext(name) {
			same = append(same, e.Name())
		}
	}
	if s := pipeline.DidYouMean(filepath.Base(name), names); s != "" {
		return s
	}
	if len(same) == 0 {
		return ""
	}
	return "the folder has " + strings.Join(same[:min(len(same), 5)], ", ")
}

// fingerprint is the SHA-256 of the lengths and bytes of files, in order.
func fingerprint(ctx context.Context, names []string) (string, error) {
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for _, name := range names {
		if err := hashFile(ctx, h, name, buf); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func hashFile(ctx context.Context, h io.Writer, name string, buf []byte) error {
	f, err := os.Open(name)
	if err != nil {
		return fileError(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fileError(err)
	}
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(info.Size())))
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fileError(err)
		}
	}
}
