package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/cpu"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/machine"
)

// finding is one thing that the doctor looked at.
type finding struct {
	Name   string `json:"name"`
	Status string `json:"status"` // ok, note (works, could be better) or bad (something will fail)
	Found  string `json:"found"`
	Advice string `json:"advice,omitempty"`
}

func (a *app) doctorCommand() *cobra.Command {
	var with string
	cmd := a.command(&cobra.Command{
		Use:   "doctor [--with-plugins FILE]",
		Short: "Look at this computer: what works, and what to do about the rest",
		Long: `Look at cores and instruction set, memory, shared memory, temporary files,
Python and, with a pipeline file, its plugins. The exit code is 3 when something
that a run needs is not there.`,
		Args: takes(),
	}, func(cmd *cobra.Command, _ []string) (result, error) {
		list := a.examine(cmd.Context(), with)
		var failed error
		for _, f := range list {
			if f.Status == "bad" {
				failed = schemas.Errorf(schemas.Environment, "%s: %s", f.Name, f.Found).Suggest(f.Advice)
			}
		}
		r := result{list, func(w io.Writer) {
			var rows [][]string
			mark := map[string]string{"ok": "✓", "note": "!", "bad": "✗"}
			for _, f := range list {
				rows = append(rows, []string{mark[f.Status], f.Name, clean(f.Found)})
				if f.Advice != "" {
					rows = append(rows, []string{"", "", "-> " + clean(f.Advice)})
				}
			}
			table(w, "", rows)
		}}
		if failed != nil && !a.json {
			if err := a.print(r); err != nil {
				return result{}, err
			}
		}
		return r, failed
	})
	cmd.Flags().StringVar(&with, "with-plugins", "", "a pipeline `FILE` whose plugins are started and described")
	_ = cmd.RegisterFlagCompletionFunc("with-plugins", files("yaml", "yml"))
	return cmd
}

func (a *app) examine(ctx context.Context, pluginsOf string) []finding {
	list := []finding{cores(), instructions(), memoryFound(), sharedMemory(), temporary(a), a.python(ctx)}
	if pluginsOf == "" {
		return list
	}
	f := finding{Name: "plugins", Status: "ok"}
	plugins, err := a.describePlugins(ctx, pluginsOf, "")
	if err != nil {
		f.Status, f.Found, f.Advice = "bad", err.Error(), "run its command by hand to see why"
		return append(list, f)
	}
	var names []string
	for _, p := range plugins {
		names = append(names, p.Name)
	}
	f.Found = strings.Join(names, ", ")
	if len(names) == 0 {
		f.Found = "none declared"
	}
	return append(list, f)
}

func cores() finding {
	n := runtime.GOMAXPROCS(0)
	f := finding{Name: "cores", Status: "ok", Found: strconv.Itoa(runtime.NumCPU())}
	if n != runtime.NumCPU() {
		f.Found += fmt.Sprintf(", %d may be used at once", n)
	}
	return f
}

func instructions() finding {
	f := finding{Name: "instructions", Status: "ok", Found: runtime.GOARCH}
	switch runtime.GOARCH {
	case "amd64":
		switch {
		case cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL:
			f.Found += " with AVX-512"
		case cpu.X86.HasAVX2 && cpu.X86.HasFMA:
			f.Found += " with AVX2 and FMA"
		default:
			f.Status, f.Found = "note", f.Found+" without AVX2"
			f.Advice = "everything works, training is slower; in a virtual machine, pass the host's CPU model through"
		}
	case "arm64":
		f.Found += " with NEON"
	}
	f.Found += "; numerics use " + machine.Instructions()
	if err := machine.Chosen(); err != nil {
		f.Status, f.Advice = "note", err.Error()
	}
	return f
}

func memoryFound() finding {
	total, available, err := physicalMemory()
	f := finding{Name: "memory", Status: "ok"}
	switch {
	case err != nil:
		f.Status, f.Found = "note", "unknown on this system"
	case available < 1<<30:
		f.Status = "note"
		f.Advice = "close other programs, or lower --memory (default 512MiB for a stage)"
		fallthrough
	default:
		f.Found = fmt.Sprintf("%s, %s available", gib(total), gib(available))
	}
	return f
}

func gib(n int64) string { return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30)) }

func sharedMemory() finding {
	f := finding{Name: "shared memory", Status: "ok"}
	if runtime.GOOS != "linux" {
		f.Found = "plugins get their data through their sockets on this system"
		return f
	}
	free, err := freeSpace("/dev/shm")
	switch {
	case err != nil:
		f.Status, f.Found = "note", "/dev/shm is missing"
		f.Advice = "everything works; plugins get their data through their sockets, which is slower"
	case free < 64<<20:
		f.Status, f.Found = "note", fmt.Sprintf("/dev/shm has %d MiB free", free>>20)
		f.Advice = "plugins are faster with more: in a container, --shm-size=1g"
	default:
		f.Found = fmt.Sprintf("/dev/shm has %s free", gib(free))
	}
	return f
}

func temporary(a *app) finding {
	dir := os.TempDir()
	f := finding{Name: "temporary files", Status: "ok", Found: dir}
	t, err := os.CreateTemp(dir, "host-doctor-")
	if err != nil {
		f.Status, f.Found = "bad", fmt.Sprintf("%s cannot be written: %v", dir, err)
		f.Advice = "set TMPDIR to a folder that can be written"
		return f
	}
	t.Close()
	os.Remove(t.Name())
	// Plugins listen on sockets in this folder, whose names may have 107
	// characters.
	if len(dir) > 60 {
		f.Status, f.Advice = "note", "the name is long for the sockets of plugins; set TMPDIR to a shorter one"
	}
	if free, err := freeSpace(dir); err == nil {
		f.Found += fmt.Sprintf(", %s free", gib(free))
		if free < 256<<20 {
			f.Status, f.Advice = "note", "free some space"
		}
	}
	return f
}

// python looks for what plugins in Python need; nothing of it is imported.
func (a *app) python(ctx context.Context) finding {
	f := finding{Name: "python", Status: "ok"}
	name, err := exec.LookPath("python3")
	if err != nil {
		f.Status, f.Found, f.Advice = "note", "python3 is not installed", "only plugins written in Python need it"
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	const script = `import sys, importlib.util as u
print("%d.%d.%d" % sys.version_info[:3])
print(" ".join(n for n in ("numpy", "pyarrow", "grpc", "pathline") if u.find_spec(n) is None))`
	out, err := exec.CommandContext(ctx, name, "-I", "-c", script).Output()
	if err != nil {
		f.Status, f.Found, f.Advice = "note", fmt.Sprintf("%s does not run: %v", name, err), "only plugins written in Python need it"
		return f
	}
	lines := strings.SplitN(strings.TrimRight(string(out), "\n")+"\n", "\n", 3)
	f.Found = filepath.Clean(name) + " " + lines[0]
	if missing := strings.TrimSpace(lines[1]); missing != "" {
		f.Status = "note"
		f.Found += ", without " + strings.ReplaceAll(missing, " ", ", ")
		f.Advice = "plugins written in Python need these: pip install " + strings.ReplaceAll(missing, "grpc", "grpcio")
	}
	return f
}

// physicalMemory reads what the kernel says, and the limit of the control group
// when there is one.
func physicalMemory() (total, available int64, err error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, 0, pipeline.FileError(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		n, _ := strconv.ParseInt(f[1], 10, 64)
		switch f[0] {
		case "MemTotal:":
			total = n << 10
		case "MemAvailable:":
			available = n << 10
		}
	}
	if limit, ok := number64("/sys/fs/cgroup/memory.max"); ok && limit < total {
		total = limit
		if used, ok := number64("/sys/fs/cgroup/memory.current"); ok {
			available = min(available, max(0, limit-used))
		}
	}
	return total, available, nil
}

func number64(file string) (int64, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}
