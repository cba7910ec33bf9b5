package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// maxFiles bounds what one plugin is made of.
const maxFiles = 10_000

// Digests are SHA-256 in hexadecimal by the name of a file, with slashes,
// relative to the folder that they were taken in.
type Digests map[string]string

// Digest takes the digests of the files that are a plugin, relative to base: of
// its manifest, the files that it names among them.
func (m *Manifest) Digest(base string) (Digests, error) {
	out := Digests{}
	for _, pattern := range append([]string{Name}, m.Files...) {
		names, err := filepath.Glob(filepath.Join(m.Dir, filepath.FromSlash(pattern)))
		if err != nil {
			return nil, schemas.Errorf(schemas.OutOfRange, "%s: files: %q is no pattern", m.Dir, pattern)
		}
		if len(names) == 0 {
			return nil, schemas.Errorf(schemas.FileNotFound, "the manifest %s names %q, and there is no such file", filepath.Join(m.Dir, Name), pattern).
				Suggest("build the plugin first, or correct `files`")
		}
		for _, name := range names {
			if err := out.add(base, name); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// add takes the digest of a file, or of everything in a folder but what tools
// leave there.
func (d Digests) add(base, name string) error {
	return filepath.WalkDir(name, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return pipeline.FileError(err)
		}
		if e.IsDir() {
			if path != name && (strings.HasPrefix(e.Name(), ".") || e.Name() == "__pycache__") {
				return filepath.SkipDir
			}
			return nil
		}
		if len(d) >= maxFiles {
			return schemas.Errorf(schemas.TooLarge, "the plugin at %s is made of more than %d files", name, maxFiles).Suggest("name fewer under `files`")
		}
		rel, err := filepath.Rel(base, path)
		if err != nil {
			rel = path
		}
		sum, err := digestFile(path)
		if err == nil {
			d[filepath.ToSlash(rel)] = sum
		}
		return err
	})
}

func digestFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", pipeline.FileError(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", schemas.Errorf(schemas.FileAccess, "%s is not a regular file", name)
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", pipeline.FileError(err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// OfCommand takes the digests of the files that a command names, relative to
// dir, the folder that it runs in. A program that is looked for in PATH, as an
// interpreter, belongs to the machine and is left out. Where a named file lies
// beside a manifest, the files of the manifest belong to the plugin too.
func OfCommand(dir string, command []string) (Digests, error) {
	out := Digests{}
	for i, arg := range command {
		if arg == "" || i == 0 && !strings.ContainsRune(arg, filepath.Separator) {
			continue
		}
		name := arg
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() && !info.IsDir() || info.IsDir() && i == 0 {
			if i == 0 {
				return nil, schemas.Errorf(schemas.PluginStart, "there is no program %s", name)
			}
			continue // another argument
		}
		folder := filepath.Dir(name)
		if info.IsDir() {
			folder = name
		}
		m, err := Read(folder)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if !info.IsDir() {
				err = out.add(dir, name)
			} else {
				err = nil
			}
		case err == nil:
			var more Digests
			if more, err = m.Digest(dir); err == nil {
				for k, v := range more {
					out[k] = v
				}
				if !info.IsDir() {
					err = out.add(dir, name)
				}
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
