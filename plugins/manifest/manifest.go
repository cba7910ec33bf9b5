package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// Name is the name of a manifest in the folder of a plugin.
const Name = "plugin.yaml"

// Manifest is what plugin.yaml says.
type Manifest struct {
	Version int                                   `yaml:"version" json:"version" doc:"version of this format: 1" required:"true" min:"1" max:"1"`
	Name    string                                `yaml:"name" json:"name" doc:"what pipeline files call the plugin" required:"true"`
	Command []string                              `yaml:"command" json:"command" doc:"the program and its arguments; relative programs are in this folder" required:"true"`
	Build   []string                              `yaml:"build" json:"build,omitempty" doc:"a command that makes the program, run in this folder by host plugin test"`
	Files   []string                              `yaml:"files" json:"files" doc:"the files that are the program: names, patterns, or folders with everything in them" required:"true"`
	Env     map[string]string                     `yaml:"env" json:"env,omitempty" doc:"variables that the plugin needs"`
	Test    map[string]map[string]json.RawMessage `yaml:"test" json:"test,omitempty" doc:"the with: to test an implementation with, by KIND/NAME, where its example cannot be used"`

	// Dir is the folder that the manifest lies in.
	Dir string `yaml:"-" json:"-"`
}

// Validate reports what the tags do not say.
func (m *Manifest) Validate() error {
	var errs []error
	if m.Name == "" || strings.ContainsAny(m.Name, "/\\ \t\n") {
		errs = append(errs, schemas.Errorf(schemas.OutOfRange, "%q is no name of a plugin", m.Name).At("name").Suggest("use letters, digits, - and _"))
	}
	if len(m.Command) == 0 || m.Command[0] == "" {
		errs = append(errs, schemas.Errorf(schemas.OutOfRange, "there is no program").At("command"))
	}
	if len(m.Files) == 0 {
		errs = append(errs, schemas.Errorf(schemas.OutOfRange, "a plugin is made of one file at least").At("files"))
	}
	for i, f := range m.Files {
		at := fmt.Sprintf("files[%d]", i)
		if !filepath.IsLocal(filepath.FromSlash(f)) {
			errs = append(errs, schemas.Errorf(schemas.OutOfRange, "%q is not inside of the plugin's folder", f).At(at))
		} else if _, err := filepath.Match(f, ""); err != nil {
			errs = append(errs, schemas.Errorf(schemas.OutOfRange, "%q is no pattern", f).At(at))
		}
	}
	for key := range m.Test {
		if kind, name, ok := strings.Cut(key, "/"); !ok || kind == "" || name == "" {
			errs = append(errs, schemas.Errorf(schemas.OutOfRange, "%q is not KIND/NAME", key).At("test."+key))
		}
	}
	return errors.Join(errs...)
}

// Parse reads the text of a manifest; name is in messages and says where its
// folder is.
func Parse(name string, text []byte) (*Manifest, error) {
	m := &Manifest{}
	if err := pipeline.DecodeFile(name, text, m); err != nil {
		return nil, err
	}
	m.Dir = filepath.Dir(name)
	return m, nil
}

// Read reads the manifest of a folder. A folder without one is an error whose
// cause is fs.ErrNotExist.
func Read(dir string) (*Manifest, error) {
	name := filepath.Join(dir, Name)
	text, err := readSmall(name)
	if err != nil {
		return nil, err
	}
	return Parse(name, text)
}

// maxFile bounds a manifest and a lock.
const maxFile = 4 << 20

func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, pipeline.FileError(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, pipeline.FileError(err)
	}
	if len(text) > maxFile {
		return nil, schemas.Errorf(schemas.TooLarge, "%s is larger than %d MiB", name, maxFile>>20)
	}
	return text, nil
}

// Configs are the configurations of Test as JSON.
func (m *Manifest) Configs() map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for name, with := range m.Test {
		raw, err := json.Marshal(with)
		if err == nil {
			out[name] = raw
		}
	}
	return out
}
