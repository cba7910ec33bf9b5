package launch

import (
	"os"
	"os/exec"
)

// ownGroup does nothing on Windows: a plugin learns from its standard input
// that the host has died.
func ownGroup(*exec.Cmd) {}

func await(cmd *exec.Cmd) { _ = cmd.Wait() }

func killGroup(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill()
	}
}

func signalOf(*os.ProcessState) (string, bool) { return "", false }

// members is for wrappers, which only Linux lists.
func members(int) []int { return nil }

// isStopped is known on Linux alone.
func isStopped(int) bool { return false }
