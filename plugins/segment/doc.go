// Package segment is memory that two processes see, divided into blocks. It
// knows nothing of what lies in a block.
//
// The way of the data: the host makes two segments, one for what each side
// sends; the plugin opens both. A sender takes a block from its segment with
// [Blocks.Take], writes it, and tells the other side its offset, length and
// generation; the other side reads it in place and sends the generation back,
// which gives the block free again. Nobody waits for a block: who gets none
// sends in another way.
//
// On Linux a segment is an anonymous file (memfd) that cannot be shrunk or
// grown: reading it cannot fault whatever the other side does, nothing is left
// in a file system whatever ends, and no size of a file system limits it. Its
// pages are memory only once they are written. Elsewhere [Make] says
// [errors.ErrUnsupported].
//
// What the other side writes may change while it is read. Readers copy
// everything that decides where they read before they check it.
//
// References: memfd_create(2), fcntl(2) "File Sealing", proc_pid_fd(5).
package segment
