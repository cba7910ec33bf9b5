package launch

import (
	"os"
	"path/filepath"
	"testing"
)

// What the kernel says of processes that lacked memory is found under both
// versions of control groups, also where the path is that of the outside.
func TestKilledForLackOfMemory(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		n     int64
		ok    bool
	}{
		"v2":        {map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.events": "low 0\noom 3\noom_kill 2\noom_group_kill 9\n"}, 2, true},
		"v2 inside": {map[string]string{"proc/self/cgroup": "0::/outside\n", "sys/fs/cgroup/memory.events": "oom_kill 7\n"}, 7, true},
		"v1":        {map[string]string{"proc/self/cgroup": "9:name=systemd:/\n4:cpu,memory:/x\n", "sys/fs/cgroup/memory/x/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"}, 1, true},
		"none":      {map[string]string{"proc/self/cgroup": "0::/\n"}, 0, false},
		"nonsense":  {map[string]string{"proc/self/cgroup": "::\n\x00", "sys/fs/cgroup/memory.events": "oom_kill x\n"}, 0, false},
		"nothing":   {nil, 0, false},
	} {
		root := t.TempDir()
		for f, text := range c.files {
			f = filepath.Join(root, f)
			if err := os.MkdirAll(filepath.Dir(f), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if n, ok := oomKills(root); n != c.n || ok != c.ok {
			t.Errorf("%s: %d, %v", name, n, ok)
		}
	}
	for want, s := range map[string]string{
		" for lack of memory (cgroup)":   memoryCause(1, true, 2, true),
		" (not for lack of memory)":      memoryCause(1, true, 1, true),
		" (perhaps for lack of memory)":  memoryCause(1, true, 0, false),
		" (perhaps for lack of memory) ": memoryCause(0, false, 0, false) + " ",
	} {
		if s != want {
			t.Errorf("%q, not %q", s, want)
		}
	}
}
