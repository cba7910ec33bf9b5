//go:build unix

package launch

import "golang.org/x/sys/unix"

// askForStacks sends SIGQUIT to processes, and SIGCONT so that the ones that
// are stopped hear it.
func askForStacks(pids []int) {
	for _, pid := range pids {
		_ = unix.Kill(pid, unix.SIGQUIT)
		_ = unix.Kill(pid, unix.SIGCONT)
	}
}
