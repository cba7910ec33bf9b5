package launch

import (
	"os"
	"sort"
	"strings"
)

// passed are the variables of the host that a plugin gets; a name that ends in
// * is a prefix. Everything else, credentials above all, needs `env:`.
var passed = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_*", "TZ", "TMPDIR", "TEMP", "TMP",
	"SYSTEMROOT", "COMSPEC", "PATHEXT", "USERPROFILE", "LOCALAPPDATA",
	"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "XDG_CACHE_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"CUDA_*", "NVIDIA_*", "ROCR_*", "HIP_*", "OMP_*", "MKL_*", "OPENBLAS_*", "PYTHON*", "VIRTUAL_ENV", "CONDA_PREFIX",
	"PATHLINE_SHARED_MEMORY",
	// What the go command needs where a plugin is started with `go run`.
	"GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOFLAGS", "GOTOOLCHAIN", "GOENV",
	"GOMAXPROCS", "GOMEMLIMIT", "GOGC", "GODEBUG", "GOTRACEBACK", "GORACE", "GOCOVERDIR",
}

// environment is what a plugin sees: the passed variables of host, then extra,
// sorted.
func environment(host []string, extra map[string]string) []string {
	set := map[string]string{}
	for _, kv := range host {
		name, value, ok := strings.Cut(kv, "=")
		if ok && isPassed(name) {
			set[name] = value
		}
	}
	for name, value := range extra {
		set[name] = value
	}
	out := make([]string, 0, len(set))
	for name, value := range set {
		out = append(out, name+"="+value)
	}
	sort.Strings(out)
	return out
}

func isPassed(name string) bool {
	for _, p := range passed {
		if prefix, ok := strings.CutSuffix(p, "*"); ok && strings.HasPrefix(name, prefix) || p == name {
			return true
		}
	}
	return false
}

func hostEnvironment() []string { return os.Environ() }
