package launch

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownGroup gives the process a group of its own and makes the kernel kill it
// when the host dies.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// await waits for the process and ends what is left of its group. The process
// is reaped last: until then its number, which is that of the group, is not
// given to another.
func await(cmd *exec.Cmd) {
	for {
		if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != unix.EINTR {
			break
		}
	}
	killGroup(cmd.Process.Pid)
	_ = cmd.Wait()
}

func killGroup(pid int) { _ = unix.Kill(-pid, unix.SIGKILL) }

func signalOf(s *os.ProcessState) (string, bool) {
	w, ok := s.Sys().(syscall.WaitStatus)
	if !ok || !w.Signaled() {
		return "", false
	}
	return unix.SignalName(w.Signal()), true
}
