//go:build unix && !linux

package launch

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownGroup gives the process a group of its own. That the host has died a
// plugin learns from its standard input.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// await waits for the process and ends what is left of its group.
func await(cmd *exec.Cmd) {
	_ = cmd.Wait()
	killGroup(cmd.Process.Pid)
}

func killGroup(pid int) { _ = unix.Kill(-pid, unix.SIGKILL) }

func signalOf(s *os.ProcessState) (string, bool) {
	w, ok := s.Sys().(syscall.WaitStatus)
	if !ok || !w.Signaled() {
		return "", false
	}
	return unix.SignalName(w.Signal()), true
}

// members is for wrappers, which only Linux lists.
func members(int) []int { return nil }

// isStopped is known on Linux alone.
func isStopped(int) bool { return false }
