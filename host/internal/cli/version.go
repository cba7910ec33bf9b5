package cli

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the release build with -ldflags; a build from a module
// cache says its own.
var version = ""

// versionInfo says which host this is.
type versionInfo struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Changed bool   `json:"changed,omitempty"` // built from files that were not committed
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func hostVersion() versionInfo {
	v := versionInfo{Version: version, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		if v.Version == "" && info.Main.Version != "(devel)" {
			v.Version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				v.Commit = s.Value
			case "vcs.modified":
				v.Changed = s.Value == "true"
			}
		}
	}
	if v.Version == "" {
		v.Version = "devel"
	}
	return v
}

func (a *app) versionCommand() *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "version",
		Short: "Say which host this is",
		Long:  "Print the version of the host, the commit that it was built from, the Go version and the platform.",
		Args:  takes(),
	}, func(*cobra.Command, []string) (result, error) {
		v := hostVersion()
		return result{v, func(w io.Writer) {
			rows := [][]string{{"host", v.Version}}
			if v.Commit != "" {
				commit := v.Commit
				if v.Changed {
					commit += " and changes"
				}
				rows = append(rows, []string{"commit", commit})
			}
			table(w, "", append(rows, []string{"go", v.Go}, []string{"platform", fmt.Sprintf("%s/%s", v.OS, v.Arch)}))
		}}, nil
	})
}
