package pipeline

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pathline/pathline/schemas"
)

// File is a file that is complete or absent: bytes go to a hidden name beside
// it, Commit syncs and renames.
type File struct {
	*os.File
	name string
	done bool
}

// CreateFile starts a file. Abort may be deferred: after Commit it does
// nothing.
func CreateFile(name string) (*File, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return nil, FileError(err)
	}
	f, err := os.OpenFile(partial(name), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return nil, FileError(err)
	}
	return &File{File: f, name: name}, nil
}

func partial(name string) string {
	return filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+partialEnding)
}

// Commit syncs the bytes and gives the file its name.
func (f *File) Commit() error {
	if f.done {
		panic("pipeline: file committed twice")
	}
	f.done = true
	err := f.Sync()
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(partial(f.name), f.name)
	}
	if err != nil {
		os.Remove(partial(f.name))
		return FileError(err)
	}
	return syncDir(filepath.Dir(f.name))
}

// Abort removes what was written.
func (f *File) Abort() {
	if !f.done {
		f.done = true
		f.Close()
		os.Remove(partial(f.name))
	}
}

// WriteFile writes a whole file that is complete or absent.
func WriteFile(name string, data []byte) error {
	return StreamFile(name, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// StreamFile is WriteFile of what write writes, by way of a buffer; when write gives an
// error, the file is what it was.
func StreamFile(name string, write func(w io.Writer) error) error {
	f, err := CreateFile(name)
	if err != nil {
		return err
	}
	defer f.Abort()
	w := bufio.NewWriterSize(f, 1<<18)
	if err = write(w); err == nil {
		err = w.Flush()
	}
	if err != nil {
		return FileError(err)
	}
	return f.Commit()
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return FileError(err)
	}
	defer d.Close()
	// Some file systems cannot sync a folder; the rename is done either way.
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrPermission) {
		return FileError(err)
	}
	return nil
}

// FileError gives a file system's error its reason: missing, no access, full.
func FileError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return schemas.Errorf(schemas.FileNotFound, "%w", err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		return schemas.Errorf(schemas.FileAccess, "%w", err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return schemas.Errorf(schemas.NoSpace, "%w", err)
	}
	var s *schemas.Error
	if errors.As(err, &s) {
		return err
	}
	return schemas.Errorf(schemas.FileAccess, "%w", err)
}
