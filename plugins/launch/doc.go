// Package launch starts plugin processes, watches them and ends them. It knows
// processes, sockets and log lines; it knows nothing of stages.
//
// The way of a plugin: Start makes a private folder for its socket, starts the
// command in a process group of its own with an environment of a few variables,
// waits for its handshake, and connects. Its standard input is a pipe that the
// host keeps open: when it ends, the host has died, and the plugin exits; on
// Linux the kernel also kills a plugin whose host died. What it writes to
// standard error becomes events of a log, the last lines are kept for the report
// of a crash. Close ends the whole group and removes the folder.
//
// go-plugin does the handshake and the connection. Three things are done here
// instead of there, each because of what was seen to go wrong: the process group
// (a grandchild that holds standard error would keep Kill waiting), log lines
// (its parser panics on {"@message":5}), and deadlines of the end.
//
// To support another operating system, write what process_linux.go has.
//
// References: github.com/hashicorp/go-plugin, "Internals"; setpgid(2), prctl(2)
// PR_SET_PDEATHSIG, unix(7) on the length of socket names.
package launch
