package launch

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// oomKills counts the processes of this program's control group that the kernel
// has killed for lack of memory; plugins are in the same group. ok is false
// where the kernel does not tell. root is "/" but for tests.
//
// References: Linux, Documentation/admin-guide/cgroup-v2.rst, memory.events;
// cgroup-v1/memory.rst, memory.oom_control.
func oomKills(root string) (n int64, ok bool) {
	groups, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return 0, false
	}
	for _, line := range strings.Split(string(groups), "\n") {
		// number:controllers:path
		f := strings.SplitN(line, ":", 3)
		if len(f) != 3 {
			continue
		}
		base, file := "", ""
		switch {
		case f[0] == "0" && f[1] == "":
			base, file = "sys/fs/cgroup", "memory.events"
		case strings.Contains(","+f[1]+",", ",memory,"):
			base, file = "sys/fs/cgroup/memory", "memory.oom_control"
		default:
			continue
		}
		// In a container the path may be one that only the outside has.
		for _, path := range []string{f[2], ""} {
			raw, err := os.ReadFile(filepath.Join(root, base, path, file))
			if err != nil {
				continue
			}
			for _, l := range strings.Split(string(raw), "\n") {
				if v, found := strings.CutPrefix(l, "oom_kill "); found {
					if n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err == nil {
						return n, true
					}
				}
			}
		}
	}
	return 0, false
}

// memoryCause says what SIGKILL means that nobody here has sent, of the counts
// before and after.
func memoryCause(before int64, knownBefore bool, after int64, knownAfter bool) string {
	switch {
	case !knownBefore || !knownAfter:
		return " (perhaps for lack of memory)"
	case after > before:
		return " for lack of memory (cgroup)"
	}
	return " (not for lack of memory)"
}
