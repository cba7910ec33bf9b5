package pipeline_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/pathline/pathline"

// directions is the table of who may import whom inside of the module: the
// longest matching folder decides. A file may always import its own folder and
// what lies below it.
var directions = []struct {
	folder string
	may    []string
}{
	{"schemas", []string{"schemas"}},
	{"pipeline", []string{"schemas"}},
	{"stages", []string{"schemas", "pipeline", "stages"}}, // builtin.go
	{"stages/random", []string{"stages/internal/kernel"}},
	{"stages/internal/kernel", []string{"stages/internal/kernel"}},
	{"stages/optim", []string{"stages/random", "stages/internal/kernel"}},
	{"stages/autodiff", []string{"stages/random", "stages/internal/kernel"}},
	{"stages/machine", []string{"stages/internal/kernel"}},
	{"stages/law", nil},
	{"stages/path", []string{"stages/random", "stages/law"}},
	{"stages/solver", []string{"stages/internal/kernel", "stages/law"}},
	{"stages/coupling", []string{"stages/random", "stages/law", "stages/internal/kernel"}},
	{"stages/model", []string{"stages/random", "stages/law", "stages/solver", "stages/path", "stages/autodiff", "stages/internal/kernel"}},
	{"stages/bijection", []string{"stages/random", "stages/law", "stages/model", "stages/solver", "stages/autodiff"}},
	{"stages/cnf", []string{"stages/random", "stages/solver", "stages/model"}},
	{"stages/transform", []string{"schemas", "stages/random", "stages/law"}},
	{"stages/condition", []string{"schemas"}},
	{"stages/flow", []string{"schemas", "stages/bijection", "stages/condition", "stages/random", "stages/path", "stages/solver", "stages/model", "stages/transform"}},
	{"stages/trainer", []string{"schemas", "stages"}},
	{"stages/sampler", []string{"schemas", "stages"}},
	{"stages/likelihood", []string{"schemas", "stages"}},
	{"stages/evaluator", []string{"schemas", "stages"}},
	{"stages/loader", []string{"schemas", "stages/random", "stages/condition"}},
	{"stages/loader/parquetfile", []string{"schemas", "stages/loader/arrowfile"}},
	{"stages/loader/distribution", []string{"stages/random"}},
	{"stages/writer", []string{"schemas", "stages/loader"}},
	{"plugins", []string{"schemas", "pipeline", "stages", "plugins"}},
	{"plugins/segment", nil},
	{"plugins/wire", []string{"schemas", "plugins/segment"}},
	{"plugins/launch", []string{"schemas", "plugins/wire"}},
	{"host", []string{"schemas", "pipeline", "stages", "plugins", "host"}},
	{"examples", []string{"schemas", "pipeline", "stages", "plugins"}},
	{"docs", []string{"schemas", "pipeline", "stages"}},
}

// outside is the table of what only some folders may import from elsewhere.
var outside = []struct {
	imports string
	only    []string
}{
	{"github.com/hashicorp/", []string{"plugins"}},
	{"google.golang.org/", []string{"plugins", "schemas/pluginpb"}},
	{"github.com/spf13/", []string{"host"}},
	{"github.com/vbauerster/", []string{"host"}},
	{"gonum.org/v1/plot", []string{"host"}},
	{"go.yaml.in/", []string{"pipeline", "host", "plugins/conform", "plugins/manifest"}},
	{"os/signal", []string{"host", "plugins"}},
	{"os/exec", []string{"host", "plugins"}},
	{"unsafe", []string{"schemas", "stages/internal/kernel", "plugins/launch", "plugins/wire"}},
}

// Mathematics knows nothing of Arrow, of pipelines and of logs: the one door
// of a room to the framework is its stage.go. These rooms are about Arrow.
var arrowRooms = []string{"stages/loader", "stages/loader/parquetfile", "stages/loader/arrowfile", "stages/writer"}

var framework = []string{"github.com/apache/arrow", "github.com/rs/zerolog", module + "/pipeline"}

func TestDirections(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, name)
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if d.Name() != "." && strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || nested(name) && rel != "." {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files++
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range f.Imports {
			p, _ := strconv.Unquote(i.Path.Value)
			if why := forbidden(rel, p); why != "" {
				t.Errorf("%s imports %s: %s", rel, p, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Fatalf("only %d files were looked at", files)
	}
}

// nested says whether a folder is a module of its own.
func nested(dir string) bool {
	m, _ := filepath.Glob(filepath.Join(dir, "go.mod"))
	return len(m) > 0
}

func under(p, folder string) bool { return p == folder || strings.HasPrefix(p, folder+"/") }

func forbidden(file, imported string) string {
	folder, base := path.Dir(file), path.Base(file)
	for _, o := range outside {
		if strings.HasPrefix(imported, o.imports) {
			ok := false
			for _, f := range o.only {
				ok = ok || under(folder, f)
			}
			if !ok {
				return "only in " + strings.Join(o.only, ", ")
			}
		}
	}
	door := base == "stage.go" || folder == "stages"
	if under(folder, "stages") && !door {
		arrow := false
		for _, r := range arrowRooms {
			arrow = arrow || folder == r
		}
		for _, f := range framework {
			if strings.HasPrefix(imported, f) && !arrow {
				return "mathematics; the door to the framework is stage.go"
			}
		}
	}
	rel, ok := strings.CutPrefix(imported, module+"/")
	if !ok {
		return ""
	}
	if under(rel, "host") && !under(folder, "host") {
		return "nothing imports host"
	}
	if under(rel, folder) || door && (rel == "pipeline" || rel == "schemas") || under(rel, "schemas") && under(folder, "stages") && door {
		return ""
	}
	best := -1
	for i, d := range directions {
		if under(folder, d.folder) && (best < 0 || len(d.folder) > len(directions[best].folder)) {
			best = i
		}
	}
	if best < 0 {
		return "the folder is not in the table of directions"
	}
	// Laws of a room (pathtest) may import the room, and what the room may.
	if parent := path.Dir(folder); rel == parent {
		return ""
	}
	for _, m := range directions[best].may {
		if under(rel, m) || rel == "pipeline" && folder != "schemas" && arrowRoom(folder) {
			return ""
		}
	}
	return "not in the table of directions"
}

func arrowRoom(folder string) bool {
	for _, r := range arrowRooms {
		if folder == r {
			return true
		}
	}
	return false
}
