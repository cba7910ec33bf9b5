//go:build unix

package conform

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// endGroup kills what is left of a command and of what it started.
func endGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// kill ends a process as the operating system does for lack of memory.
func kill(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) }

// freeze stops a process without ending it.
func freeze(pid int) error { return syscall.Kill(pid, syscall.SIGSTOP) }

// groupOf lists the processes of a group that run, where the system tells.
func groupOf(pgid int) []string {
	var out []string
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		raw, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		// pid (name) state ppid pgrp ...
		head, rest, _ := strings.Cut(string(raw), ") ")
		f := strings.Fields(rest)
		if len(f) > 2 && f[0] != "Z" && f[2] == strconv.Itoa(pgid) {
			out = append(out, fmt.Sprintf("%s)", head))
		}
	}
	return out
}

// residentBytes is the memory that a process holds, 0 where nobody tells.
func residentBytes(pid int) int64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(raw), &size, &resident); err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}
