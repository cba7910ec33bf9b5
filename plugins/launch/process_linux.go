package launch

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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

// members lists the processes of a group beside the one that it is named after.
func members(pgid int) []int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	var out []int
	for _, name := range stats {
		raw, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		// pid (name) state ppid pgrp ...; the name may hold anything.
		end := bytes.LastIndexByte(raw, ')')
		f := strings.Fields(string(raw[end+1:]))
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err == nil && len(f) > 2 && f[2] == strconv.Itoa(pgid) && pid != pgid {
			out = append(out, pid)
		}
	}
	return out
}

// isStopped says whether a process was stopped by a signal.
func isStopped(pid int) bool {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	rest := bytes.TrimSpace(raw[bytes.LastIndexByte(raw, ')')+1:])
	return len(rest) > 0 && (rest[0] == 'T' || rest[0] == 't')
}
